import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { fakeContext } from '../support/cli-context.ts';

function everyCommand(command: Command, path: string): { name: string; command: Command }[] {
  const name = `${path}${command.name()}`;
  return [{ name, command }, ...command.commands.flatMap((one) => everyCommand(one, `${name} `))];
}

const { context } = fakeContext();
const program = createProgram({ ...context, setExit: () => {} });
const commands = everyCommand(program, '');

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe.each(commands)('the help of $name', ({ name, command }) => {
  it('says what the command does', () => {
    expect(command.description()).toMatch(/^\w.{10,}[^.]$/);
  });

  it('has an example that calls it', () => {
    const examples = helpOf(command).split(/^Examples?:$/m)[1] ?? '';
    expect(examples).toMatch(new RegExp(`\\$.*\\b${name}\\b`));
  });

  it('describes every argument and option', () => {
    const described = [...command.registeredArguments, ...command.options];
    expect(described.filter(({ description }) => description === '')).toEqual([]);
  });

  it('says what --json prints, where there is that option', () => {
    const hasJson = command.options.some(({ long }) => long === '--json');
    expect(helpOf(command).includes('Output with --json:')).toBe(hasJson);
  });
});

it('every command that does something can be had as JSON, but for those that run until they are stopped', () => {
  const doing = commands.filter(({ command }) => command.commands.length === 0);
  const without = doing.filter(({ command }) => !command.options.some(({ long }) => long === '--json'));
  expect(without.map(({ name }) => name)).toEqual(['bramble dev', 'bramble agent', 'bramble ssh']);
});
