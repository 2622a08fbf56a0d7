/** An address without the user and password that it carries; also of text that is no valid address. */
export function hideCredentials(address: string, shown = ''): string {
  return address.replace(/\/\/.*@/s, `//${shown}`);
}
