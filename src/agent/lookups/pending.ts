/**
 * Queries and the responses to them: one lookup, at each of its ends that is on this host.
 *
 * Owns the lookups that nobody has answered yet, at most `pendingMax`. A socket's cookie is in every key, so
 * that namespace and process are too. Asked by multicast, a query is anybody's to answer; it is told where it
 * is asked only, since every host around hears it.
 */

import type { Direction } from '../../model/connection.ts';
import {
  unansweredLookup,
  type DnsMessage,
  type DnsPacket,
  type DnsQuestion,
  type HeardAnswer,
} from '../../model/dns.ts';
import { ledTo } from './led.ts';
import type { EndedLookup } from './rows.ts';

export const mdnsPort = 5353;

export interface PendingLosses {
  malformed: number;
  /** Responses to what was not asked, was given up, or was asked before anybody looked. */
  unmatched: number;
  overflow: number;
  /** Not answered as far as we know, while responses were lost. */
  unknown: number;
  /** Nobody waits for their answers any more: counting stopped. */
  forgotten: number;
}

interface Pending {
  readonly key: string;
  readonly conversation: string;
  readonly packet: DnsPacket;
  readonly direction: Direction;
  readonly question: DnsQuestion;
  /** Responses that had been lost when it was asked. */
  readonly lostBefore: number;
  attempts: number;
  lastNs: number;
}

export interface PendingLookups {
  size(): number;
  /** `responsesLost`: so far, at a time before the packet. */
  take(packet: DnsPacket, responsesLost: number): void;
  /** Those that have waited for long enough at `nowNs`, all packets before having been taken. */
  expire(nowNs: number, responsesLost: number): void;
  /** Nobody looks at responses any more. */
  forget(): void;
}

export interface PendingOptions {
  readonly timeoutMs: number;
  readonly pendingMax: number;
  readonly losses: PendingLosses;
  readonly ended: (lookup: EndedLookup) => void;
  /** What somebody on this node asked for has addresses. */
  readonly heard: (answer: HeardAnswer) => void;
}

function isMulticast(address: string): boolean {
  return address.startsWith('ff') || /^2(2[4-9]|3\d)\./.test(address);
}

/** The socket, whom it talks to, and the message's number. */
function conversationOf(
  { cookie, transport, localPort, remotePort }: DnsPacket,
  server: string,
  id: number,
): string {
  return [cookie, transport, localPort, server, remotePort, id].join(' ');
}

const anybody = '*';

function questionKey(conversation: string, { name, type }: DnsQuestion): string {
  return `${conversation} ${type} ${name}`;
}

/** A multicast response repeats no question: its answers say what it is about. */
function subjects({ questions, answers }: DnsMessage): readonly DnsQuestion[] {
  return questions.length > 0 ? questions : answers;
}

function answersOf({ answers }: DnsMessage): Pick<EndedLookup, 'answers' | 'ttlSeconds'> {
  const addresses = answers.flatMap(({ address }) => address ?? []);
  const ttls = answers.map(({ ttlSeconds }) => ttlSeconds);
  return { answers: addresses, ttlSeconds: ttls.length > 0 ? Math.min(...ttls) : undefined };
}

/** Of its two messages the one that was sent by this end says best who this end is. */
function endOf({ packet, direction, question, attempts }: Pending, response?: DnsPacket) {
  const [asked, answered] = [packet, response ?? packet];
  const own = direction === 'egress' || answered.attribution === 'unknown' ? asked : answered;
  const egress = direction === 'egress';
  return {
    netns: own.netns || answered.netns || asked.netns,
    owner: own.owner,
    attribution: own.attribution,
    direction,
    transport: asked.transport,
    family: asked.family,
    server: egress ? asked.remote : asked.local,
    serverForm: 'exact',
    serverPort: egress ? asked.remotePort : asked.localPort,
    ...question,
    attempts,
  } as const;
}

/** Those that nobody has answered yet, in the order of their last attempt. */
function waitingRoom() {
  const waiting = new Map<string, Pending>();
  /** The newest lookup of a conversation, for responses that do not say what they answer. */
  const newest = new Map<string, Pending>();

  return {
    waiting,
    newest,
    add(pending: Pending): void {
      waiting.set(pending.key, pending);
      newest.set(pending.conversation, pending);
    },
    again(pending: Pending, atNs: number): void {
      pending.attempts++;
      pending.lastNs = atNs;
      waiting.delete(pending.key);
      waiting.set(pending.key, pending);
    },
    remove(pending: Pending): void {
      waiting.delete(pending.key);
      if (newest.get(pending.conversation) === pending) newest.delete(pending.conversation);
    },
    clear(): void {
      waiting.clear();
      newest.clear();
    },
    /** What a response answers. */
    answeredBy(packet: DnsPacket, message: DnsMessage): Pending[] {
      const conversation = conversationOf(packet, packet.remote, message.id);
      const byAnybody = conversationOf(packet, anybody, message.id);
      const about = subjects(message);
      const found =
        about.length === 0
          ? [newest.get(conversation)]
          : about.map(
              (subject) =>
                waiting.get(questionKey(conversation, subject)) ??
                waiting.get(questionKey(byAnybody, subject)),
            );
      return [...new Set(found)].filter((pending) => pending !== undefined);
    },
  };
}

/** Told of multicast DNS without anybody having asked, as it is meant to be. */
function isAnnouncement({ localPort, remotePort, local, remote }: DnsPacket): boolean {
  const ofMdns = localPort === mdnsPort && remotePort === mdnsPort;
  return ofMdns || isMulticast(local) || isMulticast(remote);
}

export function pendingLookups({
  timeoutMs,
  pendingMax,
  losses,
  ended,
  heard,
}: PendingOptions): PendingLookups {
  const room = waitingRoom();
  const { waiting } = room;

  function ask(packet: DnsPacket, { id, questions }: DnsMessage, lostBefore: number): void {
    const { direction, atNs } = packet;
    if (direction === 'ingress' && isMulticast(packet.local)) return;
    const conversation = conversationOf(packet, isMulticast(packet.remote) ? anybody : packet.remote, id);
    for (const question of questions) {
      const key = questionKey(conversation, question);
      const again = waiting.get(key);
      if (again) room.again(again, atNs);
      else if (waiting.size >= pendingMax) losses.overflow++;
      else
        room.add({ key, conversation, packet, direction, question, lostBefore, attempts: 1, lastNs: atNs });
    }
  }

  function answer(packet: DnsPacket, message: DnsMessage): void {
    const { rcode, truncated } = message;
    const asked = room.answeredBy(packet, message);
    for (const pending of asked) {
      room.remove(pending);
      const latencyUs = Math.max(0, Math.round((packet.atNs - pending.packet.atNs) / 1000));
      const end = endOf(pending, packet);
      ended({ ...end, rcode, truncated, latencyUs, ...answersOf(message) });
      const addresses = pending.direction === 'egress' ? ledTo(end.name, message.answers) : [];
      if (addresses.length > 0)
        heard({ netns: end.netns, owner: end.owner, name: end.name, atMs: packet.atNs / 1e6, addresses });
    }
    if (asked.length === 0 && !isAnnouncement(packet)) losses.unmatched++;
  }

  return {
    size: () => waiting.size,
    take(packet, responsesLost) {
      const { message } = packet;
      if (!message) losses.malformed++;
      else if (message.response) answer(packet, message);
      else ask(packet, message, responsesLost);
    },
    expire(nowNs, responsesLost) {
      for (const pending of waiting.values()) {
        if (pending.lastNs + timeoutMs * 1e6 > nowNs) return;
        room.remove(pending);
        if (pending.lostBefore !== responsesLost) {
          losses.unknown++;
          continue;
        }
        const nothing = { truncated: false, latencyUs: null, answers: [], ttlSeconds: undefined };
        ended({ ...endOf(pending), rcode: unansweredLookup, ...nothing });
      }
    },
    forget() {
      losses.forgotten += waiting.size;
      room.clear();
    },
  };
}
