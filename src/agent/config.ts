/** agent.yaml: its schema, and reading it. Every key has a default; a key that nobody knows is an error. */

import * as z from 'zod';
import { checkConfig, readYaml } from '../lib/config-file.ts';
import { bytes, duration, switches } from '../lib/schema.ts';
import { optionalSignals, profiles } from '../model/signals.ts';
import { budgetSchema } from './budget/config.ts';
import { exporterNames, loadExporter } from './deliver/exporter.ts';
import { commandLineModes, containerSockets, ownershipSchema } from './enrich/config.ts';
import { farSchema } from './enrich/far/config.ts';
import { kubernetesSchema } from './enrich/kubernetes/config.ts';
import { policySchema } from './window/policy/config.ts';
import { standardSchema } from './window/standard/config.ts';

const limits = z.strictObject({
  flow_rows: z
    .int()
    .min(256)
    .max(1 << 20)
    .default(65_536)
    .meta({ description: 'rows of one window; beyond it rows fold, and say so' }),
  udp_flows: z
    .int()
    .min(64)
    .max(1 << 20)
    .default(32_768)
    .meta({
      description: 'UDP flows of one window; beyond it datagrams count without a flow, and that is said',
    }),
  event_buffer: bytes({ min: '64KiB', max: '256MiB', default: '4MiB' }).meta({
    description: 'ring of single connections; rounded up to a power of two',
  }),
  owners: z.int().min(64).max(16_384).default(4096).meta({
    description:
      'callers and servers (executable, user, name, control group) that are told apart at a time; beyond it they are told in less detail, and say so',
  }),
  network_namespaces: z.int().min(16).max(16_384).default(1024).meta({
    description: 'network namespaces that are told apart at a time; beyond it they are told as one',
  }),
  cluster_addresses: z.int().min(100).max(200_000).default(10_000).meta({
    description:
      'Services, pods and endpoints of a Kubernetes cluster that are known by their address, of each so many; the rest is counted. 10,000 of each take 14 MB',
  }),
  events_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .meta({ description: 'single connections told per second; the rest is counted as suppressed' }),
  orphan_max: duration({ min: '1m', max: '30d', default: '1h' }).meta({
    description:
      'how long the kernel goes on counting for an agent that was killed; then the programs go idle',
  }),
  dns_messages_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(5000)
    .meta({ description: 'DNS queries read per second, and as many responses; the rest is counted' }),
  dns_names: z
    .int()
    .min(16)
    .max(100_000)
    .default(2000)
    .meta({ description: 'DNS names that a window tells apart; the rest is told by domain, and says so' }),
  address_names: z
    .int()
    .min(256)
    .max(1 << 20)
    .default(16_384)
    .meta({
      description:
        'addresses whose names are kept from DNS answers, for those who asked and for the node; the longest unused go first',
    }),
  trace_events_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .meta({ description: 'the same, for what only a live trace asks for' }),
});

const dns = z.strictObject({
  ports: z
    .array(z.int().min(1).max(65_535))
    .min(1)
    .max(8)
    .default([53, 5353])
    .meta({ description: 'UDP and TCP ports on which DNS is spoken' }),
  timeout: duration({ min: '100ms', max: '1m', default: '6s' }).meta({
    description: 'a lookup without an answer for so long after its last query is unanswered',
  }),
});

const spool = z.strictObject({
  max_size: bytes({ min: '1MB', max: '1000GB', default: '256MB' }).meta({
    description: 'what waits on the disk for exporters; beyond it the oldest records go, and are counted',
  }),
  drain: duration({ min: '0s', max: '10m', default: '5s' }).meta({
    description: 'how long a stopping agent still delivers; what is left waits for the next one',
  }),
});

async function agentSchema() {
  const exporters: Record<string, z.ZodOptional<z.ZodType>> = {};
  for (const name of exporterNames()) exporters[name] = (await loadExporter(name)).schema.optional();
  return z.strictObject({
    instance: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be up to 32 of a-z, 0-9 and -')
      .default('main')
      .meta({ description: 'name of this agent on this node: its socket and its state are under it' }),
    environment: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'label on every record; unknown, and counted so, when it is not set' }),
    window: duration({ min: '100ms', max: '1h', default: '10s' }).meta({ description: 'length of a window' }),
    profile: z.enum(profiles).default('failures').meta({
      description:
        'failures: totals per process and port, full detail for what did not end closed; connections: every flow with its addresses; full: and every connection as an event',
    }),
    questions: z.array(z.string().min(1)).min(1).max(64).optional().meta({
      description: 'what is to be answered: signals that none of these needs stay off; all by default',
    }),
    signals: switches(optionalSignals).default({}).meta({
      description: 'groups of kernel programs to have on or off, whatever profile and questions say',
    }),
    namespaces: z.array(z.string().min(1)).min(1).max(256).optional().meta({
      description:
        'only these network namespaces: host, pid:N, a name of ip netns, or a path; all by default',
    }),
    slow: duration({ min: '1ms', max: '1h', default: '1s' }).meta({
      description: 'a connection that took this long to establish is told as an event',
    }),
    dns: dns.prefault({}).meta({ description: 'what the signal dns looks at' }),
    udp_idle: duration({ min: '1s', max: '1h', default: '60s' }).meta({
      description: 'a UDP flow without a datagram for so long has ended; looked at when a window ends',
    }),
    command_line: z.enum(commandLineModes).default('off').meta({
      description:
        'redacted: connections and listeners carry the command line of their process, without what looks secret',
    }),
    container_sockets: containerSockets.prefault({}).meta({
      description: 'where names and images of containers are asked for, in the background',
    }),
    kubernetes: kubernetesSchema.prefault({}).meta({
      description: 'what the API server of its cluster is asked of pods, in the background',
    }),
    ownership: ownershipSchema.default([]).meta({
      description: 'rules that say whose a process is; of those that match the first counts',
    }),
    ...farSchema,
    policy: policySchema.prefault({}).meta({ description: 'what of each field leaves this node' }),
    standard: standardSchema.prefault({}).meta({
      description: 'the labelling standard that records are counted against',
    }),
    budget: budgetSchema.prefault({}).meta({
      description: 'what Sonde may take of this node; above it, it does with less, and says so',
    }),
    limits: limits.prefault({}).meta({ description: 'what this agent may take' }),
    spool: spool.prefault({}).meta({ description: 'the disk between this agent and its exporters' }),
    exporters: z.strictObject(exporters).default({}).meta({ description: 'where records go' }),
  });
}

/** The schema, for the reference that is made from it. */
export function configSchema(): Promise<z.ZodType> {
  return agentSchema();
}

export type AgentConfig = z.output<Awaited<ReturnType<typeof agentSchema>>>;

/** Checks a configuration and fills in the defaults. `file` is for the message only. */
export async function parseConfig(value: unknown, file: string): Promise<AgentConfig> {
  return checkConfig(await agentSchema(), { value, file });
}

export async function readConfig(file: string): Promise<AgentConfig> {
  return parseConfig(readYaml(file), file);
}
