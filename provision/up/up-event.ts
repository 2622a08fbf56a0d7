import type { BrambleError } from '../../src/support/errors.ts';

/** How bringing a cluster up goes, as it goes. */
export type UpEvent =
  | { readonly kind: 'phase-started'; readonly phase: string; readonly title: string; readonly steps: number }
  | ({ readonly kind: 'step-started' } & StepName)
  /** A line that the step has to say. */
  | ({ readonly kind: 'step-said'; readonly line: string } & StepName)
  | ({ readonly kind: 'step-ended'; readonly tookMs: number } & StepName)
  /** It does not answer yet. All that comes after waits for it with us, at most so long. */
  | { readonly kind: 'node-awaited'; readonly phase: string; readonly node: string; readonly forMs: number }
  /** In place of doing it. */
  | ({ readonly kind: 'step-planned' } & StepName)
  /** The node is left out from here on. */
  | {
      readonly kind: 'node-failed';
      readonly phase: string;
      readonly node: string;
      readonly error: BrambleError;
    }
  | { readonly kind: 'phase-ended'; readonly phase: string; readonly steps: number; readonly tookMs: number };

export interface StepName {
  readonly phase: string;
  readonly node: string;
  readonly title: string;
}
