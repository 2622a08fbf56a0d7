export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Fills in `${NAME}`, `${NAME:-default}` (also for an empty value) and `${NAME-default}`, as a shell does; a variable
 * that is not set and has no default is empty. `$$` is a dollar sign.
 */
export function substitute(text: string, variables: Variables): string {
  return text.replace(
    /\$\$|\$\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\}/g,
    (match, name: string | undefined, operator: string | undefined, fallback: string | undefined) => {
      if (name === undefined) return match.slice(1);
      const value = variables[name];
      const isMissing = value === undefined || (value === '' && operator === ':-');
      return isMissing ? (fallback ?? '') : value;
    },
  );
}
