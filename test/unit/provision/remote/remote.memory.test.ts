import { type Machine, MemoryRemote } from '../../../../provision/remote/remote.memory.ts';
import { systemClock } from '../../../../src/support/clock.system.ts';
import { sleep } from '../../../../src/support/clock.ts';
import { remoteContract } from '../../../contract/remote-contract.ts';

const machine: Machine = {
  async run({ command: [program, ...words], stdin, say, signal }) {
    const done = { status: 0, stdout: '', stderr: '' };
    switch (program) {
      case 'printf':
        return {
          ...done,
          stdout: words
            .slice(words.length > 1 ? 1 : 0)
            .map((word) => (words.length > 1 ? `<${word}>` : word))
            .join(''),
        };
      case 'cat':
        for (const line of stdin.trimEnd().split('\n')) say?.(line);
        return { ...done, stdout: stdin };
      case 'sleep':
        await sleep(systemClock, Number(words[0]) * 1000, signal);
        return done;
      default:
        return { ...done, status: 1 };
    }
  },
  serve: (_command, stream) => void stream.pipe(stream),
};

remoteContract('in memory', () => new MemoryRemote('pi-01', machine));
