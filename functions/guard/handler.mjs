// Watches a rack as the datacenter sensor of 2016 did: a temperature that leaves its baseline, motion, or both at once.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge } from './judge.mjs';

const options = {
  thresholdCelsius: Number(process.env.threshold_celsius ?? 1),
  // A baseline older than this is taken anew: day and night are no alarm.
  baselineMs: 1000 * Number(process.env.baseline_seconds ?? 300),
  // Motion and heat belong together when they come within this time.
  togetherMs: 1000 * Number(process.env.together_seconds ?? 120),
  showMs: 1000 * Number(process.env.show_seconds ?? 10),
};
const file = join(process.env.state_dir ?? tmpdir(), 'guard.json');

export default async (event) => {
  const [, node, kind, sensor] = String(event.headers['x-topic'] ?? '').split('/');
  const reading = event.body;
  // The processor's own temperature follows its load, not the room.
  if (node === undefined || kind === undefined || sensor === 'soc' || typeof reading !== 'object') return;
  const nodes = await load();
  const atMs = Date.parse(event.headers['ce-time'] ?? '') || Date.now();
  const { state, answer } = judge(nodes[node], { ...reading, sensor, node, atMs }, options);
  await save({ ...nodes, [node]: state });
  return answer;
};

async function load() {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (err) {
    if (err.code === 'ENOENT') return {}; // the first event ever
    throw err;
  }
}

async function save(nodes) {
  await writeFile(`${file}.new`, JSON.stringify(nodes));
  await rename(`${file}.new`, file);
}
