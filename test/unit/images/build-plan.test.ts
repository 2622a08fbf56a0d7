import { describe, expect, it } from 'vitest';
import { type BuildFlags, planBuild, planNodeBuild } from '../../../src/images/build-plan.ts';
import type { Template } from '../../../src/images/template.ts';

const source = {
  name: 'hello',
  image: 'registry.local:5000/hello:1',
  buildArgs: { BASE: 'node:20' },
  buildOptions: [],
  platforms: [],
};
const flags: BuildFlags = { buildArgs: [], noCache: false, pull: false, push: false, platforms: [] };
const several = ['linux/arm64', 'linux/arm/v7'];
const situation = { template: undefined, flags, hasBuildx: true, context: '/context' };

describe('building an image', () => {
  it('uses buildx where it is, and keeps the image here', () => {
    expect(planBuild(source, situation)).toEqual(
      'buildx build --load --tag registry.local:5000/hello:1 --build-arg BASE=node:20 /context'.split(' '),
    );
  });

  it('uses the classic builder elsewhere', () => {
    expect(planBuild(source, { ...situation, hasBuildx: false })).toEqual(
      'build --tag registry.local:5000/hello:1 --build-arg BASE=node:20 /context'.split(' '),
    );
  });

  it('lets flags override the stack file', () => {
    const given = {
      ...flags,
      buildArgs: ['BASE=node:22', 'A=b=c'],
      platforms: ['linux/amd64'],
      noCache: true,
    };
    const args = planBuild({ ...source, platforms: several }, { ...situation, flags: given }).join(' ');
    expect(args).toContain('--platform linux/amd64 --load');
    expect(args).toContain('--build-arg BASE=node:22 --build-arg A=b=c --no-cache');
  });

  it('for several platforms goes to the registry at once, or is refused', () => {
    const many = { ...source, platforms: several };
    expect(planBuild(many, { ...situation, flags: { ...flags, push: true } }).join(' ')).toContain(
      '--platform linux/arm64,linux/arm/v7 --push',
    );
    expect(() => planBuild(many, situation)).toThrow(/must go to a registry at once/);
    expect(() => planBuild(many, { ...situation, hasBuildx: false })).toThrow(/buildx is not installed/);
  });

  it('gives the template the packages of its build options', () => {
    const template: Template = {
      ...{ name: 'python3', folder: '/t', isOurs: false, handlerFolder: 'function', fprocess: undefined },
      description: '',
      buildOptions: [{ name: 'dev', packages: ['make', 'gcc'] }],
    };
    const args = planBuild({ ...source, buildOptions: ['dev'] }, { ...situation, template });
    expect(args).toContain('ADDITIONAL_PACKAGE=make gcc');
    expect(() => planBuild({ ...source, buildOptions: ['nope'] }, { ...situation, template })).toThrow(
      /functions\.hello\.build_options: the template has no "nope"/,
    );
  });

  it('refuses a build argument without a value', () => {
    expect(() => planBuild(source, { ...situation, flags: { ...flags, buildArgs: ['BASE'] } })).toThrow(
      /NAME=value/,
    );
  });

  it('on a node keeps what build arguments are out of the command', () => {
    const node = { name: 'pi-01', architecture: 'armhf' };
    const given = { ...flags, noCache: true, pull: true, platforms: ['linux/arm/v7'] };
    expect(planNodeBuild(source, { template: undefined, flags: given, node })).toEqual({
      args: 'build --force-rm --tag registry.local:5000/hello:1 --build-arg BASE --no-cache --pull -'.split(
        ' ',
      ),
      buildArgs: [['BASE', 'node:20']],
    });
  });
});
