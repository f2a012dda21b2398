/** What a scenario plays on: it makes namespaces and actors and owns them until it is disposed. */
import type { Actor, Address, SocketId, SocketKind } from './actor.ts';
import { Namespace, joinByRouter } from './namespaces.ts';
import type { Counters, Routed } from './namespaces.ts';

/** One listening and one connecting process with an established connection between them. */
export type Pair = {
  readonly client: Actor;
  readonly server: Actor;
  readonly listener: SocketId;
  /** The client's end. */
  readonly c: SocketId;
  /** The server's end. */
  readonly s: SocketId;
  readonly to: Address;
  readonly clientAt: Namespace;
  readonly serverAt: Namespace;
};

export type PairOptions = {
  readonly clientAt: Namespace;
  readonly serverAt?: Namespace;
  readonly ip?: string;
  readonly port?: number;
  readonly kind?: SocketKind;
  readonly listenIp?: string;
  readonly clientName?: string;
  readonly serverName?: string;
};

export type Listening = { readonly server: Actor; readonly listener: SocketId };

export class Stage {
  readonly namespaces: Namespace[] = [];

  /** A namespace with only `lo`: 127.0.0.0/8 and ::1. */
  async namespace(name = 'lonely'): Promise<Namespace> {
    const made = await Namespace.open(name);
    this.namespaces.push(made);
    return made;
  }

  async routed(): Promise<Routed> {
    const [left, router, right] = await Promise.all([
      this.namespace('left'),
      this.namespace('router'),
      this.namespace('right'),
    ]);
    await joinByRouter({ left, router, right });
    return { left, router, right };
  }

  counters(of: Namespace): Counters {
    return of.counters();
  }

  /** A process that listens. */
  async listening(options: {
    at: Namespace;
    ip: string;
    port: number;
    kind?: SocketKind;
    backlog?: number;
    name?: string;
  }): Promise<Listening> {
    const server = await options.at.actor(options.name ?? 'server');
    const listener = await server.socket(options.kind ?? (options.ip.includes(':') ? 'tcp6' : 'tcp4'));
    await server.set(listener, 'reuseAddress', 1);
    await server.bind(listener, options.ip, options.port);
    await server.listen(listener, options.backlog);
    return { server, listener };
  }

  /** An established connection, accepted, nothing sent yet. */
  async pair(options: PairOptions): Promise<Pair> {
    const { clientAt, serverAt = clientAt, ip = '127.0.0.1', port = 7000 } = options;
    const kind = options.kind ?? (ip.includes(':') ? 'tcp6' : 'tcp4');
    const [{ server, listener }, client] = await Promise.all([
      this.listening({
        at: serverAt,
        ip: options.listenIp ?? ip,
        port,
        kind,
        name: options.serverName ?? 'server',
      }),
      clientAt.actor(options.clientName ?? 'client'),
    ]);
    const c = await client.socket(kind);
    await client.connect(c, { ip, port });
    const s = await server.accept(listener);
    return { client, server, listener, c, s, to: { ip, port }, clientAt, serverAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.namespaces) await made[Symbol.asyncDispose]();
  }
}
