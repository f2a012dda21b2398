/**
 * An API server of Kubernetes for tests, over TLS with an authority and a token of its own: lists in pages or
 * from memory, watches as streams of chunks with bookmarks, 410 in both of its forms, metadata alone; and
 * what goes wrong on the way, when a test says so.
 */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiObject } from './kubernetes-objects.ts';

/** Paths of the collections that it has. */
const collections = [
  '/api/v1/pods',
  '/api/v1/services',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/apis/apps/v1/replicasets',
  '/apis/batch/v1/jobs',
] as const;
export type Collection = (typeof collections)[number];

export interface Asked {
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string;
}

/**
 * `hang`: the request is read, and nothing comes. `half`: half a line, and then nothing. A number: that
 * status.
 */
export type Fault = 'hang' | 'half' | 'cut' | number | undefined;

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

interface Event {
  readonly version: number;
  readonly type: EventType;
  readonly object: ApiObject;
}

interface Shelf {
  readonly objects: Map<string, ApiObject>;
  events: Event[];
}

interface Watcher {
  readonly collection: Collection;
  readonly query: Asked['query'];
  readonly response: ServerResponse;
}

function status(code: number, reason: string, message: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

const gone = status(410, 'Expired', 'too old resource version: 1 (2)');

function keyOf({ metadata: { namespace, name } }: ApiObject): string {
  return `${namespace}/${name}`;
}

/** Only the one selector that agents use. */
function isSelected(object: ApiObject, { fieldSelector }: Asked['query']): boolean {
  const node = /^spec\.nodeName=(.+)$/.exec(fieldSelector ?? '')?.[1];
  return node === undefined || (object.spec as { nodeName?: string } | undefined)?.nodeName === node;
}

function certificates(folder: string): { ca: string; key: string; cert: string } {
  const file = (name: string) => join(folder, name);
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const make = (name: string, subject: string, more: readonly string[]) =>
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', ...kind, '-subj', `/CN=${subject}`],
        ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), ...more],
      ],
      { stdio: 'ignore' },
    );
  make('ca', 'kubernetes', []);
  const names = 'subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc';
  const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key')];
  make('server', 'kube-apiserver', [...signed, '-addext', names, '-addext', 'basicConstraints=CA:FALSE']);
  return { ca: file('ca.crt'), key: file('server.key'), cert: file('server.crt') };
}

export class KubernetesApi implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sonde-kubernetes-'));
  /** All requests, in their order. */
  readonly asked: Asked[] = [];
  /** What happens to a request instead of an answer. */
  fault: (asked: Asked) => Fault = () => undefined;
  /** How it says that a place is too old: at once, or within the watch. */
  expiredAs: 'status' | 'event' = 'event';
  /** As servers before 1.34: a list from memory is whole. */
  memoryHasPages = false;
  readonly #files = certificates(this.folder);
  readonly #shelves = new Map<Collection, Shelf>(
    collections.map((name) => [name, { objects: new Map(), events: [] }]),
  );
  readonly #watchers = new Set<Watcher>();
  readonly #pages = new Map<string, { readonly version: number; readonly objects: readonly ApiObject[] }>();
  #version = 1000;
  #token = 'token-1';
  /** Kept: a request may still come while it closes. */
  #port = 0;
  readonly #server = createServer(
    { key: readFileSync(this.#files.key), cert: readFileSync(this.#files.cert) },
    (request, response) => {
      this.#answer(request, response);
    },
  );

  static async open(): Promise<KubernetesApi> {
    const api = new KubernetesApi();
    api.#server.keepAliveTimeout = 60_000;
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    api.#port = (api.#server.address() as AddressInfo).port;
    mkdirSync(api.serviceAccount);
    writeFileSync(join(api.serviceAccount, 'ca.crt'), readFileSync(api.#files.ca));
    writeFileSync(join(api.serviceAccount, 'token'), 'token-1');
    return api;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `https://127.0.0.1:${String(this.port)}`;
  }

  get ca(): string {
    return this.#files.ca;
  }

  /** A folder as the kubelet mounts it into a pod. */
  get serviceAccount(): string {
    return join(this.folder, 'serviceaccount');
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watchers.size;
  }

  /** From now on only this token counts; the kubelet writes it into the folder. */
  rotate(token: string): void {
    this.#token = token;
    writeFileSync(join(this.serviceAccount, 'token'), token);
  }

  /** A kubeconfig that lies in the folder. */
  kubeconfig(change: Readonly<Record<string, unknown>> = {}): string {
    const file = join(this.folder, 'kubeconfig');
    const cluster = { server: this.url, 'certificate-authority': 'ca.crt' };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'sonde@test',
      clusters: [{ name: 'test', cluster }],
      contexts: [{ name: 'sonde@test', context: { cluster: 'test', user: 'sonde' } }],
      users: [{ name: 'sonde', user: { tokenFile: 'serviceaccount/token' } }],
      ...change,
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  put(collection: Collection, object: ApiObject): void {
    const key = keyOf(object);
    const type = this.#shelf(collection).objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.#happen(collection, type, object);
  }

  remove(collection: Collection, object: ApiObject): void {
    this.#happen(collection, 'DELETED', object);
  }

  /** Without an event for those who watch: it happened while they were away. */
  forget(collection: Collection, object: ApiObject): void {
    this.#shelf(collection).objects.delete(keyOf(object));
    this.#version++;
  }

  bookmark(): void {
    this.#version++;
    for (const watcher of this.#watchers) {
      const metadata = { resourceVersion: String(this.#version), creationTimestamp: null };
      const object = { kind: 'Pod', apiVersion: 'v1', metadata, spec: { containers: null }, status: {} };
      this.#send(watcher, { type: 'BOOKMARK', object });
    }
  }

  /** No place before now is known any more; who watches is told so. */
  expire({ tell = false } = {}): void {
    this.#version += 10;
    for (const shelf of this.#shelves.values()) shelf.events = [];
    this.#pages.clear();
    if (!tell) return;
    for (const watcher of this.#watchers) {
      this.#send(watcher, { type: 'ERROR', object: gone });
      watcher.response.end();
    }
    this.#watchers.clear();
  }

  /** All watches end: in order, or in the midst of a chunk. */
  disconnect(how: 'end' | 'midst'): void {
    for (const { response } of this.#watchers) {
      if (how === 'end') response.end();
      else {
        response.write('{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"ha');
        setImmediate(() => response.destroy());
      }
    }
    this.#watchers.clear();
  }

  /** Whoever waits for an answer has none. */
  hangUp(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.folder, { recursive: true });
  }

  #shelf(collection: Collection): Shelf {
    const shelf = this.#shelves.get(collection);
    if (!shelf) throw new Error(`no collection ${collection}`);
    return shelf;
  }

  #happen(collection: Collection, type: EventType, object: ApiObject): void {
    const version = ++this.#version;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const { objects, events } = this.#shelf(collection);
    if (type === 'DELETED') objects.delete(keyOf(object));
    else objects.set(keyOf(object), stored);
    events.push({ version, type, object: stored });
    if (events.length > 1000) events.shift();
    for (const watcher of this.#watchers)
      if (watcher.collection === collection && isSelected(stored, watcher.query))
        this.#send(watcher, { type, object: stored });
  }

  #send({ response }: Watcher, event: object): void {
    response.write(`${JSON.stringify(event)}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.url);
    const query = Object.fromEntries(url.searchParams);
    const asked = { path: url.pathname, query, accept: request.headers.accept ?? '' };
    this.asked.push(asked);
    const fault = this.fault(asked);
    if (fault === 'hang') return;
    if (fault === 'half') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"type":"ADDED","object":{"kind":"Po');
      return;
    }
    if (fault === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(
        '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[{"meta',
      );
      setImmediate(() => response.destroy());
      return;
    }
    if (fault !== undefined) this.#json(response, status(fault, 'Test', 'the test says so'), fault);
    else if (request.headers.authorization !== `Bearer ${this.#token}`)
      this.#json(response, status(401, 'Unauthorized', 'Unauthorized'), 401);
    else this.#serve(asked, response);
  }

  #json(response: ServerResponse, body: unknown, code = 200): void {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #serve({ path, query, accept }: Asked, response: ServerResponse): void {
    const collection = collections.find((name) => name === path);
    if (collection && query['watch'] === '1') this.#watch(collection, query, response);
    else if (collection) this.#list(collection, query, response);
    else this.#one(path, accept, response);
  }

  #one(path: string, accept: string, response: ServerResponse): void {
    const [, before, namespace, kind, name] =
      /^(\/apis\/.+\/v1)\/namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const object = this.#shelves
      .get(`${before ?? ''}/${kind ?? ''}` as Collection)
      ?.objects.get(`${namespace ?? ''}/${name ?? ''}`);
    if (!object) this.#json(response, status(404, 'NotFound', `${name ?? ''} not found`), 404);
    else if (accept.includes('as=PartialObjectMetadata')) {
      const { metadata } = object;
      this.#json(response, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
    } else this.#json(response, object);
  }

  #list(collection: Collection, query: Asked['query'], response: ServerResponse): void {
    const isWhole = query['resourceVersion'] === '0' && !this.memoryHasPages;
    const limit = isWhole ? Infinity : Number(query['limit'] ?? Infinity);
    const token = query['continue'];
    const page = token === undefined ? undefined : this.#pages.get(token);
    if (token !== undefined && !page) {
      this.#json(response, status(410, 'Expired', 'The provided continue parameter is too old'), 410);
      return;
    }
    const { version, objects } = page ?? {
      version: this.#version,
      objects: [...this.#shelf(collection).objects.values()].filter((object) => isSelected(object, query)),
    };
    const [now, later] = [objects.slice(0, limit), objects.slice(limit)];
    const next =
      later.length === 0 ? '' : Buffer.from(JSON.stringify([collection, later.length])).toString('base64');
    if (next !== '') this.#pages.set(next, { version, objects: later });
    const more = next === '' ? {} : { continue: next, remainingItemCount: later.length };
    const kind = collection.endsWith('pods') ? 'PodList' : 'List';
    this.#json(response, {
      kind,
      apiVersion: 'v1',
      metadata: { resourceVersion: String(version), ...more },
      items: now,
    });
  }

  #watch(collection: Collection, query: Asked['query'], response: ServerResponse): void {
    const from = Number(query['resourceVersion']);
    const { events } = this.#shelf(collection);
    const oldest = events[0]?.version ?? this.#version + 1;
    const isTooOld = from < oldest - 1 && from < this.#version;
    if (isTooOld && this.expiredAs === 'status') {
      this.#json(response, gone, 410);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher = { collection, query, response };
    if (isTooOld) {
      this.#send(watcher, { type: 'ERROR', object: gone });
      response.end();
      return;
    }
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const { version, type, object } of events)
      if (version > from && isSelected(object, query)) this.#send(watcher, { type, object });
  }
}
