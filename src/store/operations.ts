import type { Service } from '../lifecycle/service.ts';
import type { ErrorCode } from '../support/errors.ts';
import type { Store, SweepBounds } from './store.ts';

type Plain = Exclude<keyof Store, keyof Service | 'putDocument' | 'documents' | 'sweep'>;

/**
 * What the engine can do, synchronously: the port's methods by name. Documents travel as JSON text, so that whatever
 * a caller hands over can cross to another thread. What may concern any number of rows (`abandon`, `purge`, `sweep`)
 * handles `rowsPerCall` of them at a time, so that nobody waits long behind it; one that did fewer is done.
 */
export type Operations = {
  [Name in Plain]: (...args: Parameters<Store[Name]>) => Awaited<ReturnType<Store[Name]>>;
} & {
  putDocument: (kind: string, key: string, json: string) => void;
  documents: (kind: string) => readonly { readonly key: string; readonly json: string }[];
  sweep: (bounds: SweepBounds) => Swept;
};

export interface Swept {
  readonly deadLetters: number;
  readonly outbox: number;
  /** False when there may be more to remove. */
  readonly isDone: boolean;
}

export const rowsPerCall = 1_000;

export type OperationName = keyof Operations;

/** One call of an operation, in a shape that can be sent to another thread. */
export type Request<Name extends OperationName = OperationName> = {
  [Each in Name]: { readonly name: Each; readonly args: Parameters<Operations[Each]> };
}[Name];

export type Reply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };
