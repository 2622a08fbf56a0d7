/** `192.168.1.21/24` → its text without the prefix, and the length of that. */
export function addressesOf(address: string): { text: string; prefix: number } {
  const [text = '', prefix = ''] = address.split('/');
  return { text, prefix: Number(prefix) };
}

/** `192.168.1.21/24` → `192.168.1.0/24`. */
export function subnetOf(address: string): string {
  const { text, prefix } = addressesOf(address);
  return `${toText(toNumber(text) - (toNumber(text) % sizeOf(prefix)))}/${prefix}`;
}

/** Whether `host` is in the network of `address`, and neither its first nor its last address, which are no host's. */
export function isHostIn(address: string, host: string): boolean {
  const { text, prefix } = addressesOf(address);
  const size = sizeOf(prefix);
  const first = toNumber(text) - (toNumber(text) % size);
  return toNumber(host) > first && toNumber(host) < first + size - 1;
}

function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

function toNumber(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(value: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.');
}
