import type { Finding, State } from './finding.ts';

type Mark = (state: State, text: string) => string;

/** A line for each finding, with what to do below those that are not fine, and a count at the end. */
export function renderFindings(findings: readonly Finding[], mark: Mark = (_, text) => text): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ state, check, detail, advice }) => [
    `${mark(state, state.padEnd(4))}  ${check.padEnd(width)}  ${detail}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 8)}→ ${advice}`]),
  ]);
  return `${[...lines, '', summarize(findings)].join('\n')}\n`;
}

function summarize(findings: readonly Finding[]): string {
  const count = (state: State) => findings.filter((finding) => finding.state === state).length;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} to mend`;
}
