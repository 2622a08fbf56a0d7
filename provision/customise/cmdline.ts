/** Parameters that the kernel takes several times; of any other, the last one counts. */
const repeatable = new Set(['cgroup_enable', 'console']);
/** A parameter's value may have spaces within double quotes, as the kernel reads them. */
const parameterPattern = /(?:[^\s"]|"[^"]*"?)+/g;

/**
 * `cmdline.txt` with these parameters, each once. It stays one line, because the firmware reads no other, and all other
 * parameters keep their order. Twice is the same as once.
 */
export function withParameters(cmdline: string, parameters: readonly string[]): string {
  const present = cmdline.match(parameterPattern) ?? [];
  const kept = present.filter((one) => !parameters.some((wanted) => isReplacedBy(one, wanted)));
  return `${[...kept, ...parameters].join(' ')}\n`;
}

function isReplacedBy(present: string, wanted: string): boolean {
  return repeatable.has(nameOf(wanted)) ? present === wanted : nameOf(present) === nameOf(wanted);
}

function nameOf(parameter: string): string {
  return parameter.replace(/=.*$/s, '');
}

/**
 * What every node's kernel is told. Docker limits memory through its control group, which Raspberry Pi's kernels leave off to
 * save memory; `cgroup_memory` is its older name.
 */
export function kernelParameters(wifiCountry: string | undefined): string[] {
  return [
    'cgroup_enable=memory',
    'cgroup_memory=1',
    ...(wifiCountry === undefined ? [] : [`cfg80211.ieee80211_regdom=${wifiCountry}`]),
  ];
}
