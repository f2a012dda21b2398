/**
 * What an answer rests on: four shares and, in words, what is missing. "None" and "we could not see" are
 * different answers.
 */

import { readFileSync } from 'node:fs';
import { attributions } from '../../model/connection.ts';
import type { Coverage, ParamValue, Share } from '../../question/contract.ts';
import type { AskStore, StoreRow } from './query.ts';
import type { Level, TimeRange } from './range.ts';

/** One expected node's part. */
export interface NodeCoverage {
  readonly name: string;
  readonly heard: boolean;
  readonly saidGoodbye: boolean;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Time of its windows inside the range, and what could have come. */
  readonly receivedMs: number;
  readonly askedMs: number;
  readonly seen: number;
  readonly kernel: number;
  /** Network namespaces that could not be compared, at most in one window. */
  readonly unreachable: number;
  readonly ownerKnown: number;
  readonly ownerAsked: number;
  /** How each is known; empty where rollups answer. */
  readonly owners: Readonly<Record<string, number>>;
  /** What its windows tell of and the rows that the store has of them do not. */
  readonly openedMissing: number;
  readonly endedMissing: number;
  /** `stage.reason` → how many. */
  readonly lost: Readonly<Record<string, number>>;
}

/** How long a window may be under way from its end until it can be asked for. */
const deliveryMsMax = 5000;

function readSql(name: string): string {
  return readFileSync(new URL(`coverage/${name}.sql`, import.meta.url), 'utf8');
}

/** The statement that asks a level for the nodes, one row each. */
function coverageSql(level: Level): string {
  return readSql(level.suffix === '' ? 'windows' : 'rollup');
}

/** A node is a host; an agent that is not its main one is named too. */
function nodeName(row: StoreRow): string {
  const [host, instance] = [String(row['host_name']), String(row['agent_instance'])];
  return instance === 'main' || instance === '' ? host : `${host} (${instance})`;
}

/** One for each row. Those that would have the same name are told apart by their environment. */
function nodesOf(rows: readonly StoreRow[]): NodeCoverage[] {
  const names = rows.map(nodeName);
  return rows.map((row, i) => {
    const name = names[i] ?? '';
    const isAlone = names.filter((other) => other === name).length === 1;
    return nodeOf(row, isAlone ? name : `${name} in ${String(row['environment'])}`);
  });
}

function nodeOf(row: StoreRow, name: string): NodeCoverage {
  const number = (name: string): number => Number(row[name]);
  const is = (name: string): boolean => Boolean(row[name]);
  const counts = (name: string): Record<string, number> => {
    const all = Object.entries(row[name] as Record<string, unknown>);
    return Object.fromEntries(all.map(([key, count]) => [key, Number(count)]));
  };
  return {
    name,
    heard: is('heard'),
    saidGoodbye: is('said_goodbye'),
    firstMs: number('first_ms'),
    lastMs: number('last_ms'),
    receivedMs: number('received_ms'),
    askedMs: number('asked_ms'),
    seen: number('seen'),
    kernel: number('kernel'),
    unreachable: number('unreachable'),
    ownerKnown: number('owner_known'),
    ownerAsked: number('owner_asked'),
    owners: counts('owners_by_attribution'),
    openedMissing: number('opened_missing'),
    endedMissing: number('ended_missing'),
    lost: counts('lost_by_reason'),
  };
}

function share(part: number, of: number): Share {
  return { part, of, ratio: of === 0 ? null : Math.min(1, part / of) };
}

function total(nodes: readonly NodeCoverage[], of: (node: NodeCoverage) => number): number {
  return nodes.reduce((sum, node) => sum + of(node), 0);
}

/** Over all nodes, in the order in which they are told. */
function attributionsOf(nodes: readonly NodeCoverage[]): Record<string, number> {
  const sums = attributions.map((name) => [name, total(nodes, ({ owners }) => owners[name] ?? 0)] as const);
  return Object.fromEntries(sums.filter(([, count]) => count > 0));
}

const namesMax = 3;

function listed(names: readonly string[]): string {
  const rest = names.length - namesMax;
  return rest > 0 ? `${names.slice(0, namesMax).join(', ')} and ${rest} more` : names.join(', ');
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** `14:02 UTC`, with its day where that is not the day of the range's end. */
function clockTime(ms: number, { toMs }: TimeRange): string {
  const [at, end] = [new Date(ms).toISOString(), new Date(toMs).toISOString()];
  const isSameDay = at.slice(0, 10) === end.slice(0, 10);
  return `${isSameDay ? '' : `${at.slice(0, 10)} `}${at.slice(11, 16)} UTC`;
}

function lengthText(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 1) return `${Math.round(ms / 1000)} s`;
  if (minutes <= 120) return `${Number(minutes.toFixed(1))} min`;
  const hours = minutes / 60;
  return hours <= 48 ? `${Number(hours.toFixed(1))} h` : `${Number((hours / 24).toFixed(1))} d`;
}

/** A window more or less at a border is no silence. */
const silenceMsMin = 60_000;
/** Borders of windows are not exact to the millisecond. */
const gapMsMin = 1000;

function silenceNotes(nodes: readonly NodeCoverage[], range: TimeRange): string[] {
  const ended = (node: NodeCoverage): boolean =>
    !node.heard || node.lastMs + silenceMsMin < range.fromMs + node.askedMs;
  const silent = nodes.filter((node) => ended(node) && !node.saidGoodbye);
  const stopped = nodes.filter((node) => ended(node) && node.saidGoodbye);
  const last = ({ name, lastMs }: NodeCoverage): string => `${name} last heard ${clockTime(lastMs, range)}`;
  const of = counted(nodes.length, 'node');
  return [
    ...(silent.length > 0 ? [`${silent.length} of ${of} silent: ${listed(silent.map(last))}`] : []),
    ...(stopped.length > 0
      ? [`${stopped.length} of ${of} stopped on purpose: ${listed(stopped.map(last))}`]
      : []),
  ];
}

function timeNotes(nodes: readonly NodeCoverage[], { range, askedMs }: CoverageAsked): string[] {
  const heard = nodes.filter((node) => node.heard);
  const due = (node: NodeCoverage): number => range.fromMs + node.askedMs;
  const late = heard.filter((node) => node.firstMs > range.fromMs + silenceMsMin);
  const watched = lengthText(Math.max(...late.map((node) => due(node) - node.firstMs)));
  const who = late.length === nodes.length ? '' : ` ${listed(late.map(({ name }) => name))}`;
  const gaps = heard.map((node) => {
    const startMs = Math.max(node.firstMs, range.fromMs);
    const missingMs = Math.min(node.lastMs, due(node)) - startMs - node.receivedMs;
    return { name: node.name, missingMs };
  });
  const torn = gaps.filter(({ missingMs }) => missingMs >= gapMsMin);
  return [
    ...(late.length > 0
      ? [`Sonde has been watching${who} for ${watched} of the ${lengthText(askedMs)} asked`]
      : []),
    ...(torn.length > 0
      ? [`windows are missing: ${listed(torn.map((gap) => `${lengthText(gap.missingMs)} of ${gap.name}`))}`]
      : []),
  ];
}

function why({ lost }: NodeCoverage): string {
  const reasons = Object.entries(lost).filter(([, count]) => count > 0);
  return reasons.length === 0
    ? ''
    : `: lost ${reasons.map(([name, count]) => `${count} ${name}`).join(', ')}`;
}

/** Rows that were lost between agent and store. */
function missingNotes(nodes: readonly NodeCoverage[]): string[] {
  const lacking = nodes.filter((node) => node.openedMissing + node.endedMissing > 0);
  const counts = (node: NodeCoverage): string =>
    `${counted(node.openedMissing, 'open')} and ${counted(node.endedMissing, 'end')}`;
  return [
    ...lacking
      .slice(0, namesMax)
      .map((node) => `${counts(node)} that ${node.name} saw did not arrive${why(node)}`),
    ...(lacking.length > namesMax
      ? [`not all arrived of ${counted(lacking.length - namesMax, 'more node')}`]
      : []),
  ];
}

function connectionNotes(nodes: readonly NodeCoverage[]): string[] {
  const unseen = nodes.filter((node) => node.kernel > node.seen);
  const apart = nodes.filter((node) => node.unreachable > 0);
  const unowned = nodes.filter((node) => node.ownerAsked > node.ownerKnown);
  return [
    ...unseen
      .slice(0, namesMax)
      .map((node) => `${counted(node.kernel - node.seen, 'open')} on ${node.name} not seen${why(node)}`),
    ...(unseen.length > namesMax
      ? [`opens were not seen on ${counted(unseen.length - namesMax, 'more node')}`]
      : []),
    ...apart
      .slice(0, namesMax)
      .map(
        ({ name, unreachable }) =>
          `${counted(unreachable, 'network namespace')} on ${name} could not be compared with the kernel`,
      ),
    ...(unowned.length > 0
      ? [
          `${counted(
            total(unowned, (n) => n.ownerAsked - n.ownerKnown),
            'connection',
          )} without a known owner, on ` + listed(unowned.map(({ name }) => name)),
        ]
      : []),
  ];
}

export interface CoverageAsked {
  /** Empty where none was named. */
  readonly scope: { readonly host: string; readonly environment: string };
  /** As it was answered. */
  readonly range: TimeRange;
  /** How long it was before it was widened. */
  readonly askedMs: number;
}

/** Nobody at all is an agent that is missing; nobody of that name may be a name that is not right. */
function nobodyNote({ scope: { host, environment } }: CoverageAsked): string {
  const names = [
    ...(host === '' ? [] : [`host ${host}`]),
    ...(environment === '' ? [] : [`environment ${environment}`]),
  ];
  const heard = 'was heard in this range or in the day before it';
  if (names.length === 0) return `no node ${heard}: see sonde status`;
  return `no node of ${names.join(' in ')} ${heard}: ask without that to see which were`;
}

/** `nodes` are those that are expected in the range. */
export function coverageOf(nodes: readonly NodeCoverage[], asked: CoverageAsked): Coverage {
  const received = total(nodes, (node) => Math.min(node.receivedMs, node.askedMs));
  const shares = {
    nodes: share(nodes.filter(({ heard }) => heard).length, nodes.length),
    seconds: share(received / 1000, total(nodes, (node) => node.askedMs) / 1000),
    // Of each node no more than its kernel counted: what one counts late does not hide what another missed.
    // And no more than there are rows of: what was seen and did not arrive is in no answer.
    connections: share(
      total(nodes, (node) => Math.max(0, Math.min(node.seen, node.kernel) - node.openedMissing)),
      total(nodes, (node) => node.kernel),
    ),
    attribution: share(
      total(nodes, (node) => node.ownerKnown),
      total(nodes, (node) => node.ownerAsked),
    ),
  };
  const ratios = Object.values(shares).flatMap(({ ratio }) => (ratio === null ? [] : [ratio]));
  const notes =
    nodes.length === 0
      ? [nobodyNote(asked)]
      : [
          ...silenceNotes(nodes, asked.range),
          ...timeNotes(nodes, asked),
          ...missingNotes(nodes),
          ...connectionNotes(nodes),
        ];
  const owners = attributionsOf(nodes);
  const known = Object.keys(owners).length > 0 ? { attributions: owners } : {};
  return { ...shares, ...known, smallest: ratios.length === 0 ? null : Math.min(...ratios), notes };
}

export interface CoverageQuery extends CoverageAsked {
  /** For errors. */
  readonly question: string;
  readonly level: Level;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

export function scopeOf(values: Readonly<Record<string, ParamValue>>): CoverageAsked['scope'] {
  const { host = '', environment = '' } = values;
  return { host: String(host), environment: String(environment) };
}

export async function askCoverage(store: AskStore, asked: CoverageQuery): Promise<Coverage> {
  const { question, range, level, nowMs, scope, signal } = asked;
  const rows = await store({
    question,
    sql: coverageSql(level),
    params: {
      from: new Date(range.fromMs),
      to: new Date(range.toMs),
      ...scope,
      settled_ms: Math.round(nowMs - deliveryMsMax),
      windows: `windows${level.suffix}`,
      flows: `flows${level.suffix}`,
      grain_ms: level.grainMs,
    },
    signal,
  });
  return coverageOf(nodesOf(rows), asked);
}
