import type { NodeView } from '../../src/gauge/cluster.ts';
import type { NodeLoad } from '../../src/gauge/node-load.ts';

/** A quiet node; tests write out what matters. */
export function nodeLoad(fields: Partial<NodeLoad> = {}): NodeLoad {
  return {
    node: 'pi-01',
    time: '2026-01-01T00:00:00.000Z',
    cpuRatio: 0.1,
    memoryRatio: 0.3,
    throttled: false,
    inFlight: 0,
    ...fields,
  };
}

export function nodeView(fields: Partial<NodeView> = {}): NodeView {
  return { node: 'pi-01', state: 'live', strain: 0.1, isThrottled: false, ...fields };
}
