/**
 * A hub of made-up answers: for work on the page, and for tests of what a real hub does only on a bad day
 * (away, slow, half blind, too much to say). `node web/example/main.ts` serves it.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Clock } from '../../src/lib/clock.ts';
import { prng } from '../../src/lib/prng.ts';
import { parseDurationMs } from '../../src/lib/units.ts';
import type { Answer } from '../../src/question/contract.ts';
import type { Finding } from '../../src/question/finding.ts';
import type { Overview } from '../../src/question/overview.ts';
import { exampleAnswer, exampleFindings, exampleOverview, exampleQuestions } from './answers.ts';

export interface Behaviour {
  /** What an answer becomes before it is sent. */
  change?: (answer: Answer, query: URLSearchParams) => Answer;
  /** Sent instead of any answer: RFC 9457. */
  problem?: {
    readonly status: number;
    readonly title: string;
    readonly detail: string;
    readonly what_to_do: string;
  };
  /** Holds every answer back until it resolves. */
  until?: Promise<void>;
  /** Connections are cut. */
  isAway?: boolean;
  /** What an overview becomes before it is sent. */
  changeOverview?: (overview: Overview) => Overview;
  /** Findings that are open; three by default. */
  findings?: number;
  /** What findings become before they are sent; undefined: they are refused. */
  changeFindings?: (findings: readonly Finding[]) => readonly Finding[] | undefined;
}

export interface ExampleHub extends AsyncDisposable {
  readonly url: string;
  behaviour: Behaviour;
  /** Paths and queries of the answers asked for. */
  readonly asked: string[];
}

interface Options {
  readonly port: number;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** The built page. */
  readonly folder: string;
  readonly headers: Readonly<Record<string, string>>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

const rowsOf: Readonly<Record<string, number>> = { 'example-trouble': 14, 'example-many': 640 };

function spanOf({ searchParams }: URL, nowMs: number): { readonly fromMs: number; readonly toMs: number } {
  const toMs = Date.parse(searchParams.get('to') ?? '') || nowMs;
  const sinceMs = parseDurationMs(searchParams.get('since') ?? '1h') ?? 3_600_000;
  return { fromMs: Date.parse(searchParams.get('from') ?? '') || toMs - sinceMs, toMs };
}

function answerTo(url: URL, nowMs: number): Answer | undefined {
  const id = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
  const question = exampleQuestions.find((each) => each.id === id);
  if (question === undefined) return undefined;
  // The same rows each time: only the clock moves.
  const span = spanOf(url, nowMs);
  const answer = exampleAnswer(prng(7), { question, rows: rowsOf[id] ?? 0, span });
  const host = url.searchParams.get('host') ?? '';
  return { ...answer, rows: answer.rows.filter((row) => host === '' || row['host.name'] === host) };
}

function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const type = status === 200 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value));
}

async function sendFile(response: ServerResponse, folder: string, path: string): Promise<void> {
  const file = join(folder, normalize(path === '/' ? '/index.html' : path));
  const content = existsSync(file) ? await readFile(file) : undefined;
  if (content === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(content);
}

async function sendAnswer(response: ServerResponse, url: URL, hub: ExampleHub, nowMs: number): Promise<void> {
  hub.asked.push(`${url.pathname}${url.search}`);
  await hub.behaviour.until;
  const { problem, change } = hub.behaviour;
  const answer = answerTo(url, nowMs);
  if (problem !== undefined) sendJson(response, problem, problem.status);
  else if (answer === undefined) sendJson(response, { title: 'No such question' }, 404);
  else sendJson(response, change?.(answer, url.searchParams) ?? answer);
}

function sendOverview(response: ServerResponse, url: URL, hub: ExampleHub, nowMs: number): void {
  hub.asked.push(`${url.pathname}${url.search}`);
  const { problem, changeOverview } = hub.behaviour;
  const overview = exampleOverview(prng(11), spanOf(url, nowMs));
  if (problem !== undefined) sendJson(response, problem, problem.status);
  else sendJson(response, changeOverview?.(overview) ?? overview);
}

function sendFindings(response: ServerResponse, { behaviour }: ExampleHub, nowMs: number): void {
  const all = exampleFindings(behaviour.findings ?? 3, nowMs);
  const findings = behaviour.changeFindings ? behaviour.changeFindings(all) : all;
  if (findings === undefined) sendJson(response, { title: 'Findings are not to be had' }, 400);
  else sendJson(response, { findings });
}

export async function startExampleHub({ port, clock, folder, headers }: Options): Promise<ExampleHub> {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const hub: ExampleHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behaviour: {},
    asked: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (hub.behaviour.isAway === true) {
      request.socket.destroy();
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const url = new URL(request.url ?? '/', hub.url);
    const nowMs = clock.wallMs();
    if (url.pathname === '/api/v1/questions') sendJson(response, { questions: exampleQuestions });
    else if (url.pathname === '/api/v1/overview') sendOverview(response, url, hub, nowMs);
    else if (url.pathname === '/api/v1/findings') {
      sendFindings(response, hub, nowMs);
    } else if (url.pathname.startsWith('/api/v1/questions/')) {
      await sendAnswer(response, url, hub, nowMs);
    } else await sendFile(response, folder, decodeURIComponent(url.pathname));
  }
  return hub;
}
