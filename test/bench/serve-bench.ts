import { readFileSync } from 'node:fs';
import { median, takeTurns, type WrkFigures, wrkFigures } from './measure.ts';
import { type Bench, type Row, show } from './rows.ts';
import { type Nginx, startNginx } from './swarm/nginx.ts';
import { openServingSwarm, type ServingSwarm } from './swarm/serving-swarm.ts';

const rounds = 5;
const seconds = 2;
/** Of one clock tick in /proc, 10 ms on every Linux (USER_HZ is 100). */
const tickUs = 10_000;

/**
 * OpenFaaS on a machine of the same kind, measured with wrk on another day: gateway → faas-swarm → of-watchdog → an
 * HTTP server in Go that echoes 11 bytes, one replica, 64 connections; the faster of two releases.
 */
const openFaas = { perSecond: 1_952, gatewayAndProviderUs: 166 + 255 };

export const serveBench: Bench = {
  name: 'serve',
  title: 'One agent serves, beside nginx',
  method:
    'wrk posts 100 bytes to an echo in Node.js that runs as containers of a Swarm of one node: through the built agent (role ' +
    '`serve`, its catalogue from a manager by way of Mosquitto), through nginx with one worker and keep-alive to the same ' +
    'replicas, and to one replica directly, turn and turn about; all on the same cores, in the network of one container of the ' +
    'overlay network. Medians of ' +
    `${rounds} rounds of ${seconds} s. Processor time is what /proc says of the agent, and of nginx, by the number of requests. ` +
    'OpenFaaS was not there: its figures (two hops to its watchdog, then a server in Go) were taken before on a machine of the same kind.',
  async measure() {
    const swarm = await openServingSwarm();
    try {
      return [...(await measureReplicas(swarm, 1)), ...(await measureReplicas(swarm, 4))];
    } finally {
      await swarm.stop();
    }
  },
};

async function measureReplicas(swarm: ServingSwarm, replicas: number): Promise<Row[]> {
  const name = `echo-${replicas}`;
  const addresses = await swarm.deployEcho(name, replicas);
  const nginx = await startNginx(swarm.place, addresses);
  try {
    const rows: Row[] = [];
    for (const connections of [1, 16, 64, 256]) {
      const figures = await measureLoad(swarm, nginx, { name, addresses, connections });
      rows.push(...toRows(figures, { replicas, connections }));
    }
    return rows;
  } finally {
    await nginx.stop();
  }
}

/** Medians of what was measured in each round. */
type Figures = Omit<WrkFigures, 'requests'> & { readonly cpuUs: number };

async function measureLoad(
  { agent, place: { inside }, script }: ServingSwarm,
  nginx: Nginx,
  { name, addresses, connections }: { name: string; addresses: readonly string[]; connections: number },
) {
  const post = async (url: string, pids: readonly number[] = []): Promise<Figures> => {
    const beforeUs = cpuUs(pids);
    const { requests, ...figures } = await wrkFigures(url, { connections, seconds, script, inside });
    return { ...figures, cpuUs: (cpuUs(pids) - beforeUs) / requests };
  };
  const agentPids = agent.child.pid === undefined ? [] : [agent.child.pid];
  const turns = await takeTurns(rounds, {
    direct: () => post(`http://${addresses[0]}/`),
    nginx: () => post(nginx.url, nginx.pids),
    agent: () => post(`http://127.0.0.1:${new URL(agent.url).port}/function/${name}`, agentPids),
  });
  return { direct: medians(turns.direct), nginx: medians(turns.nginx), agent: medians(turns.agent) };
}

function toRows(
  { agent, nginx, direct }: Record<'agent' | 'nginx' | 'direct', Figures>,
  { replicas, connections }: { replicas: number; connections: number },
): Row[] {
  const load = `${replicas === 1 ? '1 replica' : `${replicas} replicas`}, ${connections} connections`;
  const isJudged = replicas === 1 && connections === 64;
  const throughput: Row[] = [
    {
      what: load,
      ours: agent.perSecond,
      unit: '/s',
      also: `${latency(agent)}; nginx ${latency(nginx)}`,
      reference: { what: 'nginx', value: nginx.perSecond },
      ...(connections === 64 ? { target: { ratioAtLeast: 0.4 } } : {}),
    },
    {
      what: load,
      ours: agent.perSecond,
      unit: '/s',
      also: `directly ${latency(direct)}`,
      reference: { what: 'the function directly', value: direct.perSecond },
    },
  ];
  if (connections === 1)
    throughput.push({
      what: `added to a call (p50), ${load}`,
      ours: agent.p50Ms - direct.p50Ms,
      unit: 'ms',
      reference: { what: 'what nginx adds', value: nginx.p50Ms - direct.p50Ms },
      target: { below: 1 },
    });
  if (connections >= 64)
    throughput.push({
      what: `processor time a request, ${load}`,
      ours: agent.cpuUs,
      unit: 'µs',
      reference: { what: 'nginx', value: nginx.cpuUs },
      ...(connections === 64 ? { target: { below: 80 } } : {}),
    });
  if (!isJudged) return throughput;
  return [
    ...throughput,
    {
      what: load,
      ours: agent.perSecond,
      unit: '/s',
      reference: { what: 'OpenFaaS, recorded', value: openFaas.perSecond },
      target: { ratioAtLeast: 2 },
    },
    {
      what: `processor time a request, ${load}`,
      ours: agent.cpuUs,
      unit: 'µs',
      reference: { what: 'OpenFaaS’s gateway and provider, recorded', value: openFaas.gatewayAndProviderUs },
    },
  ];
}

function latency({ p50Ms, p99Ms }: Figures): string {
  return `p50 ${show(p50Ms, 'ms')}, p99 ${show(p99Ms, 'ms')}`;
}

function medians(rounds: readonly Figures[]): Figures {
  const of = (field: keyof Figures) => median(rounds.map((round) => round[field]));
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), cpuUs: of('cpuUs') };
}

/** Processor time that these processes have used, in user space and in the kernel: fields 14 and 15 of proc(5). */
function cpuUs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * tickUs;
  }, 0);
}
