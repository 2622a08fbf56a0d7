/** Regions that Unicode has a code for, and radio rules have none: groupings and reserved ones. */
const noCountries = new Set(['EU', 'EZ', 'UN', 'QO', 'XA', 'XB', 'ZZ']);

/** A country of ISO 3166-1 by its two capital letters. Not by another code that is taken for one, such as UK. */
export function isKnownCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code) || noCountries.has(code)) return false;
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
  return names.of(code) !== undefined && new Intl.Locale(`und-${code}`).region === code;
}

/** A name of the time zone database, in its own spelling: it is a file's name on the node. */
export function isKnownTimeZone(name: string): boolean {
  const zones = Intl.supportedValuesOf('timeZone');
  if (zones.includes(name)) return true;
  const isMisspelt = zones.some((zone) => zone.toLowerCase() === name.toLowerCase());
  return !isMisspelt && /^[A-Z][A-Za-z]*(\/[-+\w]+)*$/.test(name) && canFormat(name);
}

/** Also for the older names, which the list has not. */
function canFormat(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}
