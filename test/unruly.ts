/** Random observations in which every value that a field policy may hide is there once, and nowhere else. */

import type { CommandLines } from '../src/agent/enrich/command-line.ts';
import type { Inventory } from '../src/agent/window/listeners.ts';
import type { LookupRow } from '../src/model/dns.ts';
import type { FarLabels } from '../src/model/far.ts';
import { labels } from '../src/model/labels.ts';
import type { ConnectionEvent, FlowRow, Listener } from '../src/model/observation.ts';
import { fieldRules, type FieldRule } from '../src/model/policy.ts';
import type { NodeIdentity, ProcessLabels } from '../src/model/record.ts';
import type { Prng } from '../src/lib/prng.ts';
import { connection, node, row } from './observations.ts';

export interface World {
  readonly node: NodeIdentity;
  /** By their numbers. */
  readonly owners: readonly ProcessLabels[];
  readonly commandLine: CommandLines;
  /** Of other ends. */
  readonly fars: readonly FarLabels[];
  readonly rows: readonly FlowRow[];
  readonly events: readonly ConnectionEvent[];
  readonly lookups: readonly LookupRow[];
  readonly inventory: Inventory;
}

/** Values of one length, so that none is part of another. */
function values(random: Prng) {
  const hex = (): string => random.uint32().toString(16).padStart(8, '0');
  const secret = (): string => `secret${hex()}${hex()}`;
  const byte = (): number => 100 + random.below(100);
  const group = (): string => (0x1000 + random.below(0xe000)).toString(16);
  const ipv4 = (first: number): string => `${String(first)}.${[byte(), byte(), byte()].join('.')}`;
  const oneOf = <T>(...choices: readonly [T, ...T[]]): T =>
    choices[random.below(choices.length)] ?? choices[0];
  return {
    oneOf,
    secret,
    number: (): number => 1_000_000_000 + random.below(3_000_000_000),
    address: (): string =>
      oneOf(ipv4(10), ipv4(193 + random.below(7)), `2001:${Array.from({ length: 7 }, group).join(':')}`),
    domain: (): string => `${secret()}.d${hex()}.${oneOf('com', 'co.uk', 'internal')}`,
    program: (): string => oneOf(`p${hex()}`, `p${hex()}: ${secret()}`),
  };
}

type Values = ReturnType<typeof values>;

function valueOf({ name, kind }: FieldRule, make: Values): unknown {
  if (labels.find((label) => label.name === name)?.type === 'map') return { team: make.secret() };
  if (kind === 'number') return make.number();
  if (kind === 'domain' || kind === 'program' || kind === 'address') return make[kind]();
  return make.secret();
}

const elsewhere = /^(host|source|destination|dns|listener|connection)\./;
const ofOneProcess: ReadonlySet<string> = new Set(['process.pid', 'process.start', 'process.command_line']);

/** Whatever labels of an owner there are, or will be. */
function owner(make: Values): ProcessLabels {
  const rules = fieldRules.filter(({ name, kind }) => kind !== 'fixed' && !elsewhere.test(name));
  const of = rules.filter(({ name }) => !ofOneProcess.has(name) && !name.startsWith('process.parent'));
  return Object.fromEntries(of.map((rule) => [rule.name, valueOf(rule, make)])) as unknown as ProcessLabels;
}

const ofFar = /^destination\.(name|zone|as|geo|translated)\b/;

/** Whatever labels of the other end there are, or will be. */
function far(make: Values): FarLabels {
  const rules = fieldRules.filter(({ name, kind }) => kind !== 'fixed' && ofFar.test(name));
  const of = Object.fromEntries(rules.map((rule) => [rule.name, valueOf(rule, make)]));
  return { ...of, 'destination.name.source': 'dns', 'destination.scope': 'public' };
}

function several<T>(random: Prng, make: () => T): T[] {
  return Array.from({ length: 2 + random.below(6) }, make);
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

function flowRow(make: Values, random: Prng, owners: number): FlowRow {
  const destination = random.below(8) === 0 ? null : make.address();
  return row({
    owner: random.below(owners),
    direction: make.oneOf('egress', 'ingress'),
    transport: make.oneOf('tcp', 'udp'),
    source: make.address(),
    sourceForm: 'exact',
    destination,
    destinationForm: destination === null ? 'folded' : 'exact',
    family: destination === null ? undefined : familyOf(destination),
    latency: [{ bucket: random.below(40), count: 1 }],
    sums: { opened: random.below(9), ended: random.below(9), bytesSent: random.below(999), retransmits: 1 },
  }).of;
}

function event(make: Values, random: Prng, owners: number): ConnectionEvent {
  const destination = make.address();
  return connection({
    owner: random.below(owners),
    direction: make.oneOf('egress', 'ingress'),
    cookie: random.uint32(),
    pid: make.number(),
    pidStartedNs: random.uint32() * 1e6,
    parentPid: make.number(),
    parentName: make.program(),
    source: make.address(),
    sourcePort: make.number(),
    destination,
    family: familyOf(destination),
  }).of;
}

function lookup(make: Values, random: Prng, owners: number): LookupRow {
  const server = make.address();
  return {
    netns: 1,
    owner: random.below(owners),
    attribution: 'exact',
    direction: make.oneOf('egress', 'ingress'),
    transport: 'udp',
    family: familyOf(server),
    server,
    serverForm: 'exact',
    serverPort: 53,
    name: make.domain(),
    type: 'A',
    rcode: 'NOERROR',
    lookups: 1,
    attempts: 1,
    truncated: 0,
    latencySumUs: 0,
    latency: [],
    answers: [make.address(), make.address()],
    ttlMinSeconds: 60,
  };
}

function listener(make: Values, random: Prng): Listener {
  const address = make.address();
  return {
    cookie: String(random.uint32()),
    netns: 1,
    owner: 0,
    pid: make.number(),
    pidStartedNs: random.uint32() * 1e6,
    attribution: 'exact',
    address,
    family: familyOf(address),
    port: 443,
    backlog: 0,
    backlogMax: 511,
    waitingMs: null,
    counts: { drops: 1, synackRetransmits: 0, resetsSent: 0 },
    first: 1,
    gone: false,
  };
}

export function unruly(random: Prng): World {
  const make = values(random);
  const owners = several(random, () => owner(make));
  const listeners = several(random, () => listener(make, random));
  const commandLines = new Map<number, string>();
  const commandLine: CommandLines = ({ pid }) => {
    const line = commandLines.get(pid) ?? make.secret();
    commandLines.set(pid, line);
    return line;
  };
  const { 'policy.version': _, ...identity } = node;
  return {
    node: { ...identity, 'host.name': make.domain() },
    owners,
    commandLine,
    fars: several(random, () => far(make)),
    rows: several(random, () => flowRow(make, random, owners.length)),
    events: several(random, () => event(make, random, owners.length)),
    lookups: several(random, () => lookup(make, random, owners.length)),
    inventory: {
      listeners: listeners.map((of) => ({
        of,
        process: owner(make),
        netnsInode: 7,
        commandLine: commandLine(of),
      })),
      times: { ofBoot: (ns) => new Date(ns / 1e6 + 1e12).toISOString() },
    },
  };
}
