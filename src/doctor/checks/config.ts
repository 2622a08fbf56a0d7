import type { Config } from '../../config/schema.ts';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { hideCredentials } from '../../support/hide-credentials.ts';
import { type Check, fail, ok } from '../finding.ts';

export interface ConfigOutcome {
  readonly config?: Config;
  readonly file?: string | undefined;
  readonly error?: unknown;
}

/** Names what decides how the agent runs; no value that is secret. */
export function checkConfig({ config, file, error }: ConfigOutcome): Check {
  return {
    name: 'configuration',
    async run() {
      if (config === undefined)
        return [fail(summarizeError(error), 'correct it; bramble config --schema tells what may be in it')];
      const { mqtt, hardware, roles } = config;
      const broker = hideCredentials(mqtt.url);
      return [
        ok(`${file ?? 'defaults'}: roles ${roles.join(', ')}; broker ${broker}; hardware ${hardware.kind}`),
      ];
    },
  };
}

function summarizeError(error: unknown): string {
  if (!(error instanceof BrambleError) || error.problems.length === 0) return messageOf(error);
  return error.problems.map(({ path, message }) => `${path} ${message}`).join('; ');
}
