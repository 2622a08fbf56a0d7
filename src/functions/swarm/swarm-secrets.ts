import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { check, invalid } from '../../support/schema.ts';
import type { Secrets } from '../runtime.ts';
import { secretName } from '../spec.ts';
import type { SecretReference, SwarmSecret, SwarmService } from './docker-objects.ts';
import type { Engine } from './engine.ts';
import { functionLabel, secretsFolder } from './service-spec.ts';

/** OpenFaaS's mark: secrets without it are other people's, and are used when named, but neither shown nor changed. */
const owner = { 'com.openfaas.owner': 'openfaas' };
const nameLabel = 'com.openfaas.secret.name';
const versionLabel = 'com.openfaas.secret.version';
/** Docker's limit of 64 characters less a suffix such as `.v1000000`. */
const maxStemLength = 54;

export interface SwarmSecretsOptions {
  readonly engine: Engine;
  /** Gives functions that use one of these secrets the other one, one function after the other. */
  readonly renew: (usedIds: ReadonlySet<string>, fresh: SwarmSecret) => Promise<void>;
}

/**
 * Secrets of the Swarm. Docker's cannot be changed: a new value is a new secret with a number in its name, which functions
 * find under the same file name; the old one goes when nobody can roll back to it any more.
 */
export class SwarmSecrets implements Secrets {
  readonly #engine: Engine;
  readonly #renew: SwarmSecretsOptions['renew'];

  constructor({ engine, renew }: SwarmSecretsOptions) {
    this.#engine = engine;
    this.#renew = renew;
  }

  async list(): Promise<readonly string[]> {
    return [...new Set((await this.#ours()).map(nameOf))].sort();
  }

  async create(name: string, value: Uint8Array): Promise<void> {
    const taken = (cause?: unknown) =>
      new BrambleError('SECRET_EXISTS', `secret "${name}" exists already; replace it, or remove it first`, {
        cause,
      });
    if ((await this.#versionsOf(name)).length > 0) throw taken();
    await this.#create(name, { name, version: 1 }, value).catch((err: unknown) => {
      throw toBrambleError(err).code === 'CONFLICT' ? taken(err) : err;
    });
  }

  /** Functions that use it are updated, which starts new replicas of them. */
  async replace(name: string, value: Uint8Array): Promise<void> {
    const versions = await this.#require(name);
    const version = Math.max(...versions.map(versionOf)) + 1;
    const fullName = `${name.slice(0, maxStemLength)}.v${version}`;
    await this.#create(fullName, { name, version }, value);
    const [fresh] = await this.#engine.secrets({ name: [fullName] });
    if (fresh === undefined)
      throw new BrambleError('CONFLICT', `secret "${name}" was removed while it was being replaced`);
    await this.#renew(new Set(versions.map(({ ID }) => ID)), fresh);
    await this.sweep();
  }

  async remove(name: string): Promise<void> {
    const versions = await this.#require(name);
    const ids = new Set(versions.map(({ ID }) => ID));
    const users = (await this.#engine.services(functionLabel))
      .filter((service) => usedBy(service).some(({ SecretID }) => ids.has(SecretID)))
      .map(({ Spec }) => Spec.Name);
    if (users.length > 0)
      throw new BrambleError(
        'CONFLICT',
        `secret "${name}" is used by ${users.join(', ')}; remove or update those functions first`,
      );
    for (const version of versions) await this.#engine.removeSecret(version);
  }

  /** How a service is to mount these; INVALID with every one that does not exist. */
  async references(names: readonly string[]): Promise<SecretReference[]> {
    if (names.length === 0) return [];
    const ours = newestFirst(await this.#ours());
    const others = await this.#engine.secrets({ name: [...names] });
    const found = names.map((name) => ({
      name,
      secret: ours.find((one) => nameOf(one) === name) ?? others.find(({ Spec }) => Spec.Name === name),
    }));
    const problems = found.flatMap(({ name, secret }) =>
      secret === undefined ? [{ path: 'secrets', message: `"${name}" does not exist; create it first` }] : [],
    );
    if (problems.length > 0) throw invalid(problems, { what: 'function' });
    return found.flatMap(({ name, secret }) => (secret === undefined ? [] : [toReference(name, secret)]));
  }

  /** Removes values that were replaced, once no function uses them or could go back to them. */
  async sweep(): Promise<void> {
    const ours = newestFirst(await this.#ours());
    const old = ours.filter((one, i) => ours.findIndex((other) => nameOf(other) === nameOf(one)) < i);
    if (old.length === 0) return;
    const services = await this.#engine.services(functionLabel);
    const used = new Set(services.flatMap(usedOrUsable).map(({ SecretID }) => SecretID));
    for (const secret of old)
      if (!used.has(secret.ID))
        await this.#engine.removeSecret(secret).catch((err: unknown) => {
          // Someone else's service uses it, or another manager was quicker.
          if (!['CONFLICT', 'NOT_FOUND'].includes(toBrambleError(err).code)) throw err;
        });
  }

  #create(
    fullName: string,
    { name, version }: { name: string; version: number },
    value: Uint8Array,
  ): Promise<void> {
    const labels = { ...owner, [nameLabel]: name, [versionLabel]: String(version) };
    return this.#engine.createSecret(fullName, labels, value);
  }

  async #require(name: string): Promise<SwarmSecret[]> {
    const versions = await this.#versionsOf(name);
    if (versions.length === 0)
      throw new BrambleError('NOT_FOUND', `there is no secret "${name}"; create it first`);
    return versions;
  }

  async #versionsOf(name: string): Promise<SwarmSecret[]> {
    check(secretName, name, { what: `secret name "${name}"` });
    return (await this.#ours()).filter((secret) => nameOf(secret) === name);
  }

  #ours(): Promise<SwarmSecret[]> {
    return this.#engine.secrets({ label: Object.entries(owner).map(([key, value]) => `${key}=${value}`) });
  }
}

export function toReference(name: string, { ID, Spec }: SwarmSecret): SecretReference {
  const File = { Name: `${secretsFolder}/${name}`, UID: '0', GID: '0', Mode: 0o444 };
  return { SecretID: ID, SecretName: Spec.Name, File };
}

/** The references of a service with those to `usedIds` pointing to `fresh`; `undefined` when there are none. */
export function renewReferences(
  { Spec }: SwarmService,
  usedIds: ReadonlySet<string>,
  fresh: SwarmSecret,
): SecretReference[] | undefined {
  const references = Spec.TaskTemplate.ContainerSpec.Secrets ?? [];
  if (!references.some(({ SecretID }) => usedIds.has(SecretID))) return undefined;
  return references.map((one) =>
    usedIds.has(one.SecretID) ? { ...one, SecretID: fresh.ID, SecretName: fresh.Spec.Name } : one,
  );
}

function usedBy({ Spec }: SwarmService): readonly SecretReference[] {
  return Spec.TaskTemplate.ContainerSpec.Secrets ?? [];
}

/** While an update is under way the Swarm may still go back to what was before. */
function usedOrUsable(service: SwarmService): readonly SecretReference[] {
  const state = service.UpdateStatus?.State ?? '';
  const isSettled = state === '' || state === 'completed' || state === 'rollback_completed';
  const before = isSettled ? [] : (service.PreviousSpec?.TaskTemplate.ContainerSpec.Secrets ?? []);
  return [...usedBy(service), ...before];
}

function nameOf({ Spec }: SwarmSecret): string {
  return Spec.Labels?.[nameLabel] ?? Spec.Name;
}

function versionOf({ Spec }: SwarmSecret): number {
  return Number(Spec.Labels?.[versionLabel] ?? 1);
}

function newestFirst(secrets: readonly SwarmSecret[]): SwarmSecret[] {
  return [...secrets].sort((a, b) => versionOf(b) - versionOf(a));
}
