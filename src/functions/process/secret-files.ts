import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrambleError } from '../../support/errors.ts';
import { check } from '../../support/schema.ts';
import type { Secrets } from '../runtime.ts';
import { secretName } from '../spec.ts';

/** Docker's own limit for a secret: what is accepted here must be accepted by a Swarm too. */
const maxSecretBytes = 500 * 1024;

/** One file per secret, readable by the agent's user alone; each function sees a folder of links to its own ones. */
export class SecretFiles implements Secrets {
  readonly #folder: string;
  readonly #usersOf: (secret: string) => readonly string[];

  constructor(folder: string, usersOf: (secret: string) => readonly string[]) {
    this.#folder = folder;
    this.#usersOf = usersOf;
  }

  async list(): Promise<readonly string[]> {
    await this.#open();
    // A temporary file begins with a dot, which no name of a secret does.
    return (await readdir(this.#folder)).filter((name) => !name.startsWith('.')).sort();
  }

  async create(name: string, value: Uint8Array): Promise<void> {
    if (await this.#has(name))
      throw new BrambleError(
        'SECRET_EXISTS',
        `secret "${name}" exists already; replace it, or remove it first`,
      );
    await this.#write(name, value);
  }

  async replace(name: string, value: Uint8Array): Promise<void> {
    await this.#require(name);
    await this.#write(name, value);
  }

  async remove(name: string): Promise<void> {
    await this.#require(name);
    const users = this.#usersOf(name);
    if (users.length > 0)
      throw new BrambleError(
        'CONFLICT',
        `secret "${name}" is used by ${users.join(', ')}; remove or update those functions first`,
      );
    await rm(join(this.#folder, name));
  }

  /** Makes `folder` hold exactly these secrets, as links: a replaced value is seen at once. */
  async mount(names: readonly string[], folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of names) await symlink(join(this.#folder, name), join(folder, name));
  }

  async #require(name: string): Promise<void> {
    if (!(await this.#has(name)))
      throw new BrambleError('NOT_FOUND', `there is no secret "${name}"; create it first`);
  }

  async #has(name: string): Promise<boolean> {
    check(secretName, name, { what: `secret name "${name}"` });
    return (await this.list()).includes(name);
  }

  async #write(name: string, value: Uint8Array): Promise<void> {
    if (value.byteLength > maxSecretBytes)
      throw new BrambleError(
        'INVALID',
        `secret "${name}" is larger than the limit of ${maxSecretBytes} bytes`,
      );
    const fresh = join(this.#folder, `.${randomUUID()}`);
    await writeFile(fresh, value, { mode: 0o400, flush: true });
    await rename(fresh, join(this.#folder, name));
  }

  async #open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }
}
