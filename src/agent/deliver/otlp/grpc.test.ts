/** Logs over gRPC, to a receiver that is the library's own server. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { certificate, type CertificateFiles } from '../../../../test/certificates.ts';
import { grpcReceiver, type GrpcReceiver } from '../../../../test/grpc-receiver.ts';
import { connection, telling } from '../../../../test/observations.ts';
import { eventually } from '../../../../test/rig.ts';
import { folderOf, sending, type Sending } from '../../../../test/sending.ts';
import { manualClock, systemClock } from '../../../lib/clock.ts';
import type { ConnectionRecord } from '../../../model/record.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { RetryLater } from '../exporter.ts';
import { exporter } from '../exporters/otlp.ts';
import { openTransport } from './open.ts';
import { grpcProblem } from './options.ts';
import type { Transport } from './transport.ts';

const record = (n: number): ConnectionRecord =>
  connectionRecord(connection({ cookie: n }), telling, wallTimes(manualClock()));
const range = (count: number): ConnectionRecord[] => Array.from({ length: count }, (_, i) => record(i + 1));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

function taken({ records }: GrpcReceiver): number[] {
  return records.map((r) => Number((r.attributes['connection.id']?.[1] as string).split('-')[2]));
}

const at = (port: number, scheme = 'http'): Record<string, unknown> => ({
  protocol: 'grpc',
  endpoint: `${scheme}://127.0.0.1:${String(port)}`,
});

async function start(
  t: TestContext,
  options: Record<string, unknown> = {},
): Promise<Sending & { to: GrpcReceiver }> {
  const to = grpcReceiver(t);
  return { ...(await sending(t, 'otlp', { ...at(await to.listen()), ...options })), to };
}

describe('over gRPC', () => {
  for (const compression of ['gzip', 'none'])
    test(`${compression}: every record, in order, in many requests`, async (t) => {
      const { to, delivery, done } = await start(t, { compression, batch: '20kB' });
      await delivery.deliver(range(300));
      await done();
      assert.deepEqual(taken(to), numbers(300));
      assert.ok(to.metadata.length > 5);
      assert.deepEqual(delivery.losses(), {});
    });

  test('headers are metadata, from the configuration and from a file', async (t) => {
    const file = join(folderOf(t), 'headers');
    writeFileSync(file, 'Authorization: Bearer a:b\n');
    const { to, delivery, done } = await start(t, { headers: { 'x-scope': 'team' }, headers_file: file });
    await delivery.deliver(range(1));
    await done();
    const [metadata] = to.metadata;
    assert.deepEqual([metadata?.get('x-scope'), metadata?.get('authorization')], [['team'], ['Bearer a:b']]);
  });
});

describe('a gRPC receiver that', () => {
  test('is not there yet', async (t) => {
    const free = grpcReceiver(t);
    const port = await free.listen();
    free.server.forceShutdown();
    const { delivery, done, lines } = await sending(t, 'otlp', at(port));
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /^exporter otlp: .*UNAVAILABLE .*ECONNREFUSED.*; 3 records wait in the spool$/);
    const to = grpcReceiver(t);
    await to.listen(undefined, port);
    await done();
    assert.deepEqual(taken(to), [1, 2, 3]);
  });

  test('is unavailable for a while, and then takes all', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    to.next.push(
      { code: status.UNAVAILABLE, details: 'starting' },
      { code: status.RESOURCE_EXHAUSTED, details: 'memory', retryAfterMs: 1 },
      { code: status.ABORTED, details: 'again' },
    );
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(taken(to), [1, 2, 3]);
    assert.deepEqual(delivery.losses(), {});
    assert.match(lines[0]!, /the receiver answers UNAVAILABLE starting; 3 records wait/);
  });

  test('does not answer', async (t) => {
    const { to, delivery, done, lines } = await start(t, { timeout: '200ms' });
    to.next.push('nothing');
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(taken(to), [1, 2, 3]);
    assert.match(lines[0]!, /no answer within 200 ms/);
  });

  test('takes no more than so much at once; what is too much alone is counted', async (t) => {
    const most = 8000;
    const to = grpcReceiver(t, { 'grpc.max_receive_message_length': most });
    const options = { ...at(await to.listen()), compression: 'none' };
    const { delivery, done, lines } = await sending(t, 'otlp', options);
    const all = range(100);
    all[41] = { ...record(42), 'process.name': 'x'.repeat(most) };
    await delivery.deliver(all);
    await done();
    assert.deepEqual(
      taken(to),
      numbers(100).filter((n) => n !== 42),
    );
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.too_large': 1 });
    assert.match(lines[0]!, /too_large: the receiver answers RESOURCE_EXHAUSTED/);
  });

  test('rejects some of what it takes', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    to.next.push({ message: Buffer.from([0x0a, 0x07, 0x08, 0x02, 0x12, 0x03, ...Buffer.from('old')]) });
    await delivery.deliver(range(5));
    await done();
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.rejected': 2 });
    assert.match(lines[0]!, /2 records rejected: old/);
    assert.equal(to.metadata.length, 1, 'they are not sent again');
  });
});

describe('codes', () => {
  async function sent(t: TestContext, answer: GrpcReceiver['next'][number]): ReturnType<Transport['send']> {
    const to = grpcReceiver(t);
    to.next.push(answer);
    const options = exporter.schema.parse(at(await to.listen()));
    const method = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
    const decodeResponse = () => ({ rejected: 0, message: '' });
    const kind = { exporter: 'otlp', path: '', method, decodeResponse };
    await using transport = await openTransport(options, kind, systemClock);
    return await transport.send(Buffer.alloc(0), new AbortController().signal);
  }
  const later = (t: TestContext, answer: GrpcReceiver['next'][number], expected: object) =>
    assert.rejects(sent(t, answer), (error) => {
      assert.ok(error instanceof RetryLater);
      const { message, retryAfterMs } = error;
      assert.deepEqual({ message, retryAfterMs }, expected);
      return true;
    });

  for (const name of [
    'CANCELLED',
    'DEADLINE_EXCEEDED',
    'ABORTED',
    'OUT_OF_RANGE',
    'UNAVAILABLE',
    'DATA_LOSS',
  ])
    test(`${name} is tried again, when the receiver says`, async (t) => {
      const code = status[name as keyof typeof status];
      const message = `the receiver answers ${name} so`;
      await later(t, { code, details: 'so' }, { message, retryAfterMs: 0 });
      await later(t, { code, details: 'so', retryAfterMs: 2500 }, { message, retryAfterMs: 2500 });
    });

  test('RESOURCE_EXHAUSTED only if it says when', async (t) => {
    const code = status.RESOURCE_EXHAUSTED;
    const message = 'the receiver answers RESOURCE_EXHAUSTED quota';
    await later(t, { code, details: 'quota', retryAfterMs: 900 }, { message, retryAfterMs: 900 });
    assert.deepEqual((await sent(t, { code, details: 'quota' })).outcome, { is: 'rejected', message });
  });

  for (const name of ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED'])
    test(`${name} is ours to mend: nothing is thrown away`, async (t) => {
      const answer = { code: status[name as keyof typeof status], details: 'no' };
      const expected = new RegExp(`${name} at http://127.0.0.1:\\d+ no; correct the options of otlp, or`);
      await assert.rejects(sent(t, answer), (error) => {
        assert.ok(error instanceof RetryLater);
        assert.match(error.message, expected);
        return true;
      });
    });

  for (const name of ['INVALID_ARGUMENT', 'NOT_FOUND', 'FAILED_PRECONDITION', 'INTERNAL', 'UNKNOWN'])
    test(`${name} is a refusal`, async (t) => {
      const { outcome } = await sent(t, {
        code: status[name as keyof typeof status],
        details: 'no\u001b[2J',
      });
      const message = `the receiver answers ${name} no\\x1b[2J`;
      assert.deepEqual(outcome, { is: 'rejected', message });
    });
});

describe('TLS over gRPC', () => {
  interface Secure {
    readonly to: GrpcReceiver;
    readonly own: CertificateFiles;
    readonly client: CertificateFiles;
    readonly options: Record<string, unknown>;
  }

  async function secure(t: TestContext, wantsCertificate: boolean): Promise<Secure> {
    const folder = folderOf(t);
    const own = certificate(folder, 'receiver');
    const client = certificate(folder, 'agent');
    const pair = { private_key: readFileSync(own.key), cert_chain: readFileSync(own.cert) };
    const to = grpcReceiver(t);
    const credentials = ServerCredentials.createSsl(
      wantsCertificate ? readFileSync(client.cert) : null,
      [pair],
      wantsCertificate,
    );
    return { to, own, client, options: at(await to.listen(credentials), 'https') };
  }

  test('with the authority that is named, and a certificate of our own', async (t) => {
    const { to, own, client, options } = await secure(t, true);
    const tls = { ca_file: own.cert, cert_file: client.cert, key_file: client.key };
    const { delivery, done } = await sending(t, 'otlp', { ...options, tls });
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(taken(to), [1, 2, 3]);
  });

  test('who has no certificate is told, and loses nothing', async (t) => {
    const { to, own, options } = await secure(t, true);
    const { delivery, lines } = await sending(t, 'otlp', { ...options, tls: { ca_file: own.cert } });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /UNAVAILABLE .*3 records wait in the spool/);
    assert.deepEqual([taken(to), delivery.losses()], [[], {}]);
  });

  test('an unknown authority gets nothing, unless nobody is to look', async (t) => {
    const { to, options } = await secure(t, false);
    const { delivery, lines } = await sending(t, 'otlp', options);
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /self-signed certificate/);
    assert.deepEqual(taken(to), []);
    const careless = await sending(t, 'otlp', { ...options, tls: { insecure_skip_verify: true } });
    await careless.delivery.deliver(range(3));
    await careless.done();
    assert.deepEqual(taken(to), [1, 2, 3]);
  });
});

describe('options that cannot be with gRPC', () => {
  const endpoint = 'https://collector.example:4317';
  for (const [what, options, message] of [
    ['the endpoint of the hub', {}, 'must be named for gRPC, which is not spoken at http://127.0.0.1:7400'],
    ['a path', { endpoint: `${endpoint}/otlp` }, 'must have no path: gRPC has none'],
    ['zstd', { endpoint, compression: 'zstd' }, 'must be gzip or none with gRPC'],
  ] as const)
    test(what, () => {
      const { error } = exporter.schema.safeParse({ protocol: 'grpc', ...options });
      assert.deepEqual(
        error?.issues.map((issue) => issue.message),
        [message],
      );
    });

  test('quiet: what can', () => {
    const options = exporter.schema.parse({ protocol: 'grpc', endpoint });
    assert.equal(grpcProblem(options, 'http://127.0.0.1:7400'), undefined);
  });

  test('files for TLS without it', async (t) => {
    await assert.rejects(
      sending(t, 'otlp', { ...at(4317), tls: { ca_file: '/none.pem' } }),
      /none\.pem is for TLS, and http:/,
    );
  });
});
