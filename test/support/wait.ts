/** Resolves when `condition` holds (truthy), to what it returned; fails with `what` after `timeoutMs`. */
export async function until<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  timeoutMs = 45_000,
): Promise<NonNullable<Value>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<Value>; // truthy, checked in this line
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
