/**
 * Whether the name of an image says at which registry it is, by Docker's rule: what comes before the first slash has a dot or a colon,
 * or is `localhost`. `me/hello` names a user of whatever registry is meant.
 */
export function namesRegistry(image: string): boolean {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
}
