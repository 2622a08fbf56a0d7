import { type Duplex, duplexPair } from 'node:stream';
import { type Machine, type MachineCall, MemoryRemote } from '../../../provision/remote/remote.memory.ts';
import type { Remote, RemoteResult } from '../../../provision/remote/remote.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { MemoryHost } from './memory-host.ts';

/** What goes wrong with a call: it is refused, or the connection is cut before or after it has had its effect. */
export type Fault = 'fails' | 'cut before' | 'cut after';
export const faults: readonly Fault[] = ['fails', 'cut before', 'cut after'];

/** Machines of this process in one network, for the whole of bringing a cluster up. */
export class MemoryCluster {
  readonly hosts = new Map<string, MemoryHost>();
  /** All calls until now: `pi-01 docker node ls`. */
  readonly calls: string[] = [];
  #faultAt: { readonly call: number; readonly fault: Fault } | undefined;

  constructor(names: readonly string[]) {
    for (const name of names) this.#install(name);
  }

  get remotes(): ReadonlyMap<string, Remote> {
    return new Map([...this.hosts].map(([name]) => [name, this.#remote(name)]));
  }

  host(name: string): MemoryHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new TypeError(`there is no host ${name}`);
    return host;
  }

  /** Another flash of its card. */
  wipe(name: string): void {
    this.host(name).isDockerRunning = false; // of its earlier self
    this.#install(name);
  }

  /** Its network cable. */
  unplug(name: string): void {
    this.host(name).isPluggedIn = false;
  }

  /** The call of this number from now on has this fault; none has after it. */
  breakCall(number: number, fault: Fault): void {
    this.#faultAt = { call: this.calls.length + number, fault };
  }

  #install(name: string): void {
    const number = Number(name.replace(/\D/g, ''));
    this.hosts.set(name, new MemoryHost({ name, address: `192.168.1.${20 + number}`, hosts: this.hosts }));
  }

  #remote(name: string): Remote {
    const machine: Machine = {
      connect: () => {
        if (!this.host(name).isPluggedIn) throw cut(name);
      },
      run: async (call) => this.#run(name, call),
      serve: (command, stream) => this.#serve(name, command, stream),
    };
    return new MemoryRemote(name, machine);
  }

  async #run(name: string, call: MachineCall): Promise<RemoteResult> {
    const fault = this.#note(name, call.command);
    if (fault === 'fails') return { status: 1, stdout: '', stderr: 'broken by the test' };
    if (fault === 'cut before') throw cut(name);
    const result = await this.host(name).run(call);
    if (fault === 'cut after') throw cut(name);
    return result;
  }

  #serve(name: string, command: readonly string[], stream: Duplex): void {
    const fault = this.#note(name, command);
    if (fault === 'cut after') {
      const [ours, theirs] = duplexPair();
      this.host(name).serve(command, theirs);
      stream.pipe(ours).once('data', () => stream.end());
    } else if (fault === undefined) this.host(name).serve(command, stream);
    else stream.end();
  }

  #note(name: string, command: readonly string[]): Fault | undefined {
    this.calls.push(`${name} ${command.slice(0, 4).join(' ')}`);
    return this.calls.length === this.#faultAt?.call ? this.#faultAt.fault : undefined;
  }
}

function cut(name: string): BrambleError {
  return new BrambleError('UNREACHABLE', `${name}: the connection ended`);
}
