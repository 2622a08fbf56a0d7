/** What a new bramble.yaml is told; everything else has its default, or stands in it as a comment. */
export interface ExampleAnswers {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly user: string;
  /** File of a public key. */
  readonly key: string;
  readonly wifi: { readonly ssid: string; readonly country: string } | undefined;
  readonly timeZone: string;
  readonly image: string;
}

/** The newest Raspberry Pi OS Lite for 64 bits, without a desktop. */
export const defaultImage = 'https://downloads.raspberrypi.com/raspios_lite_arm64_latest';

/** `pi-01`, `pi-02`, … */
export function nameNodes(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `pi-${String(i + 1).padStart(2, '0')}`);
}

/** A bramble.yaml with comments to go on from. Equal answers give equal bytes. */
export function renderExample({ name, nodes, user, key, wifi, timeZone, image }: ExampleAnswers): string {
  return `# yaml-language-server: $schema=./bramble.schema.json
# The nodes of a cluster, and how their cards are made. Agents' settings can stand here too: motion, gauge, …
cluster:
  name: ${scalar(name)}

  # A path, or a URL. With checksums: { source: …, sha256: …, extractedSha256: … }
  image: ${scalar(image)}

  user:
    name: ${scalar(user)}
    # Who may log in: files with public keys, or the keys themselves. SSH takes no passwords.
    authorizedKeys:
      - ${scalar(key)}
    # A password for sudo and the screen; it is asked for, or comes from BRAMBLE_USER_PASSWORD. It never stands here.
    # hasPassword: true

  timeZone: ${scalar(timeZone)}
  # locale: en_GB.UTF-8
  # keymap: gb

${renderNetwork(wifi)}

  # hardware: blinkt, pir, ds18b20, dht11, dht22, bme280, bme680. Of the managers more than half must run: make it 1, 3 or 5.
  nodes:
${nodes.map((node, i) => renderNode(node, i, nodes.length)).join('\n')}
`;
}

function renderNetwork(wifi: ExampleAnswers['wifi']): string {
  const addresses = `    # For nodes with a fixed address:
    # gateway: 192.168.1.1
    # dns: [192.168.1.1]`;
  if (wifi === undefined)
    return `  # Nodes on a cable that get their addresses from the router need none of this.
  # network:
    # wifi: { ssid: my network, country: GB }
${addresses}`;
  return `  network:
    # The password is asked for, or comes from BRAMBLE_WIFI_PASSWORD. It never stands here.
    wifi:
      ssid: ${scalar(wifi.ssid)}
      country: ${scalar(wifi.country)}
${addresses}`;
}

function renderNode(name: string, i: number, count: number): string {
  const role = i < managersOf(count) ? ['      role: manager'] : [];
  const example = `      # address: 192.168.1.21/24
      # hardware: [blinkt, pir, ds18b20]
      # labels: { room: hall }`;
  return [`    - name: ${scalar(name)}`, ...role, ...(i === 0 ? [example] : [])].join('\n');
}

/** Three bear the loss of one. */
function managersOf(count: number): number {
  return count < 3 ? 1 : 3;
}

/** A text that YAML takes for nothing else. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z~/.][-\w./~+@]*(:\/\/[-\w./~+@]+)?$/.test(text);
  const isWord = /^(~|\.|true|false|null|yes|no|on|off|y|n|\.inf|\.nan|\.\d.*)$/i.test(text);
  return isPlain && !isWord ? text : JSON.stringify(text);
}
