import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { packBuildContext } from '../../../../provision/agent-image/build-context.ts';
import { findImages, type ImageSource } from '../../../../provision/agent-image/image-source.ts';
import { packTar, readTar } from '../../../../provision/agent-image/tar.ts';
import { removeFolder } from '../../../support/remove-folder.ts';
import { root } from '../../../support/repo.ts';

const brokerImage = 'eclipse-mosquitto:2.0.22';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-images-'));
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** As `docker save` writes it, but for the layers. */
function archiveOf(architectures: readonly string[]): Buffer {
  const configs = architectures.map((architecture) =>
    Buffer.from(JSON.stringify({ architecture, os: 'linux' })),
  );
  const names = configs.map((_, i) => `config-${i}.json`);
  return packTar([
    { path: 'layer/layer.tar', content: Buffer.alloc(400_000), isExecutable: false },
    ...configs.map((content, i) => ({ path: names[i] ?? '', content, isExecutable: false })),
    {
      path: 'manifest.json',
      content: Buffer.from(JSON.stringify(names.map((Config) => ({ Config, RepoTags: null })))),
      isExecutable: false,
    },
  ]);
}

async function findIn(content: Buffer | undefined): Promise<{ agent: ImageSource; path: string }> {
  const path = join(makeFolder(), 'agent.tar');
  if (content !== undefined) writeFileSync(path, content);
  return { path, agent: (await findImages({ image: path, brokerImage }, root)).agent };
}

describe('where images come from', () => {
  it('is a registry for what is no path', async () => {
    const { agent, broker } = await findImages({ image: 'ghcr.io/me/bramble:1', brokerImage }, root);
    expect([agent, broker]).toEqual([
      { kind: 'reference', reference: 'ghcr.io/me/bramble:1' },
      { kind: 'reference', reference: brokerImage },
    ]);
  });

  it('is an archive, packed or not, which is known by its content', async () => {
    const id = createHash('sha256').update('{"architecture":"arm","os":"linux"}').digest('hex');
    for (const pack of [(content: Buffer) => content, gzipSync]) {
      const { agent, path } = await findIn(pack(archiveOf(['arm'])));
      expect(agent).toEqual({
        ...{ kind: 'archive', path, architecture: 'armhf', name: `bramble:${id.slice(0, 12)}` },
      });
    }
  });

  it('is refused for what is no archive of one image, with what to do', async () => {
    for (const [content, why] of [
      [undefined, /there is no such file/],
      [Buffer.from('hello'), /ends too early/],
      [archiveOf([]), /0 images/],
      [archiveOf(['arm64', 'amd64']), /2 images/],
      [packTar([]), /no manifest\.json/],
      [gzipSync(archiveOf(['arm64'])).subarray(0, 200), /unexpected end of file/],
    ] as const)
      await expect(findIn(content)).rejects.toThrow(
        expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(why) }),
      );
  });

  it('is this package where nothing is said, with all that its Dockerfile copies', async () => {
    const { agent } = await findImages({ image: undefined, brokerImage }, root);
    if (agent.kind !== 'build') throw new Error(`it is ${agent.kind}`);
    expect(agent.name).toMatch(/^bramble:[0-9a-f]{12}$/);
    const paths = new Map<string, string>();
    async function* chunks(context: Buffer) {
      yield context;
    }
    for await (const { path, content } of readTar(chunks(agent.context), { maxBytes: 1e7 }))
      paths.set(path, content.toString());
    expect(paths.get('Dockerfile')).toBe(readFileSync(join(root, 'Dockerfile'), 'utf8'));
    for (const path of ['package-lock.json', '.npmrc', 'build.mjs', 'natives.mjs', 'src/cli.ts', 'LICENSE'])
      expect(paths.has(path), path).toBe(true);
    const tops = new Set([...paths.keys()].map((path) => path.split('/')[0]));
    expect([...tops].filter((top) => ['node_modules', 'dist', '.git', 'test'].includes(top ?? ''))).toEqual(
      [],
    );
    expect([...paths.keys()].filter((path) => path.includes('__pycache__'))).toEqual([]);
  });
});

describe('the context of a build', () => {
  function makePackage(): string {
    const folder = makeFolder();
    mkdirSync(join(folder, 'src'));
    for (const [path, content] of Object.entries({
      Dockerfile: 'FROM scratch',
      '.dockerignore': '*\n!package-lock.json\n!src\n**/__pycache__\n',
      'package-lock.json': '{}',
      'src/main.ts': 'export {};',
      'secrets.txt': 'no',
    }))
      writeFileSync(join(folder, path), content);
    return folder;
  }

  it('is another one when a file is, and only then', async () => {
    const folder = makePackage();
    const before = await packBuildContext(folder);
    writeFileSync(join(folder, 'secrets.txt'), 'other');
    expect((await packBuildContext(folder)).equals(before)).toBe(true);
    writeFileSync(join(folder, 'src/main.ts'), 'other');
    expect((await packBuildContext(folder)).equals(before)).toBe(false);
  });

  it('is refused where a file is missing, as in an installed package', async () => {
    const folder = makePackage();
    rmSync(join(folder, 'package-lock.json'));
    await expect(packBuildContext(folder)).rejects.toThrow(
      /package-lock\.json is not there; take a clone of the repository, or set cluster\.agent\.image/,
    );
  });
});
