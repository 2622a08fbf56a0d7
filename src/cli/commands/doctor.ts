import type { Command } from 'commander';
import type { ConfigOutcome } from '../../doctor/checks/config.ts';
import type { State } from '../../doctor/finding.ts';
import { addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { type Colour, createPaint } from '../paint.ts';
import { addAgentFlags, toFlags } from './agent.ts';

const checkLimitMs = 5_000;
const colours: Readonly<Record<State, Colour>> = { ok: 'green', warn: 'yellow', fail: 'red' };

type DoctorOptions = Parameters<typeof toFlags>[0] & JsonOption;

export function addDoctor(program: Command, context: CliContext): void {
  const command = addJson(addAgentFlags(program.command('doctor')))
    .description('look at this machine and say what an agent would find, and what to mend')
    .action((options: DoctorOptions) => doctor(options, context));
  explain(command, {
    examples: ['bramble doctor', 'bramble doctor --config /etc/bramble/bramble.yaml --json'],
    json: '{ ok: true | false, findings: [{ check, state: "ok" | "warn" | "fail", detail, advice? }] }',
  });
}

async function doctor(options: DoctorOptions, context: CliContext): Promise<void> {
  const { chooseChecks } = await import('../../doctor/checks.ts');
  const { openProbes } = await import('../../doctor/probes.ts');
  const { examine } = await import('../../doctor/examine.ts');
  const { renderFindings } = await import('../../doctor/render.ts');
  const checks = chooseChecks(await loadOutcome(options, context), openProbes);
  const findings = await examine(checks, { limitMs: checkLimitMs, signal: context.signal });
  const isWell = findings.every(({ state }) => state !== 'fail');
  const paint = createPaint(context.stdout, context.env);
  print(context, options, { ok: isWell, findings }, () =>
    renderFindings(findings, (state, text) => paint(colours[state], text)),
  );
  if (!isWell) context.setExit(1);
}

/** A configuration that cannot be used is a finding, not the end of the examination. */
async function loadOutcome(options: DoctorOptions, { env }: CliContext): Promise<ConfigOutcome> {
  const { loadConfig } = await import('../../config/load.ts');
  const { configFile, overrides } = await toFlags(options, env, false);
  try {
    return loadConfig({ file: configFile, defaultFile: 'bramble.yaml', env, overrides });
  } catch (error) {
    return { error };
  }
}
