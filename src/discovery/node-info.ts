import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a person would find printed on the node. */
export interface NodeInfo {
  /** `Raspberry Pi 4 Model B Rev 1.5`. */
  readonly model?: string;
  readonly serial?: string;
}

/**
 * Model and serial number from the device tree, or from cpuinfo where a container hides the tree. On a machine with
 * neither, a laptop, nothing is known.
 */
export async function loadNodeInfo(procRoot: string): Promise<NodeInfo> {
  const read = (file: string) => readFile(join(procRoot, file), 'utf8').catch(() => ''); // absent on most machines
  const [treeModel, treeSerial, cpuinfo] = await Promise.all(
    ['device-tree/model', 'device-tree/serial-number', 'cpuinfo'].map(read),
  );
  const model = cleaned(treeModel) || fieldOf(cpuinfo, 'Model');
  const serial = cleaned(treeSerial) || fieldOf(cpuinfo, 'Serial');
  return { ...(model && { model }), ...(serial && { serial }) };
}

/** Strings of the device tree end with NUL. */
function cleaned(text = ''): string {
  return text.replaceAll('\0', '').trim();
}

function fieldOf(cpuinfo = '', key: string): string | undefined {
  return new RegExp(`^${key}\\s*: (.+)$`, 'm').exec(cpuinfo)?.[1]?.trim();
}
