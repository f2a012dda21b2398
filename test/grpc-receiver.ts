/** A receiver of OTLP over gRPC, by the library's own server; requests are read by the protocol's numbers. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedHandleCall,
  type sendUnaryData,
  type ServerUnaryCall,
  type status,
} from '@grpc/grpc-js';
import { PbfWriter } from 'pbf';
import { readMetricsRequest, type ReadPoint } from './otlp-points.ts';
import { readLogsRequest, type ReadRecord } from './otlp-reader.ts';

/** Details as a receiver gives them with a code: google.rpc.Status. */
export function failureDetails({ retryAfterMs }: { readonly retryAfterMs?: number }): Buffer {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 14);
  pbf.writeStringField(2, 'come back');
  pbf.writeMessage(
    3,
    (_, any) => {
      const type = retryAfterMs === undefined ? 'DebugInfo' : 'RetryInfo';
      any.writeStringField(1, `type.googleapis.com/google.rpc.${type}`);
      const value = new PbfWriter();
      value.writeMessage(
        1,
        (__, duration) => {
          duration.writeVarintField(1, Math.floor((retryAfterMs ?? 0) / 1000));
          duration.writeVarintField(2, ((retryAfterMs ?? 0) % 1000) * 1e6);
        },
        null,
      );
      any.writeBytesField(2, value.finish());
    },
    null,
  );
  return Buffer.from(pbf.finish());
}

/** What a request is answered: a code, a message in bytes, or nothing at all. */
export type GrpcAnswer =
  | { readonly code: status; readonly details: string; readonly retryAfterMs?: number }
  | { readonly message: Buffer }
  | 'nothing';

export interface GrpcReceiver {
  readonly server: Server;
  /** What the next requests are answered; then all is taken. */
  readonly next: GrpcAnswer[];
  readonly records: ReadRecord[];
  /** Of each request that was taken. */
  readonly exports: ReadPoint[][];
  /** Metadata of all requests. */
  readonly metadata: Metadata[];
  listen(credentials?: ServerCredentials, port?: number): Promise<number>;
}

type Call = ServerUnaryCall<Buffer, Buffer>;

const asItIs = (bytes: Buffer): Buffer => bytes;

function serviceOf(path: string): ServiceDefinition {
  return {
    Export: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  };
}

export function grpcReceiver(t: TestContext, options: ServerOptions = {}): GrpcReceiver {
  const server = new Server(options);
  const next: GrpcAnswer[] = [];
  const [records, exports, metadata]: [ReadRecord[], ReadPoint[][], Metadata[]] = [[], [], []];

  const handler =
    (take: (body: Buffer) => void): UntypedHandleCall =>
    (call: Call, answer: sendUnaryData<Buffer>) => {
      metadata.push(call.metadata);
      const answering = next.shift();
      if (answering === 'nothing') return;
      if (answering && 'code' in answering) {
        const trailers = new Metadata();
        if (answering.retryAfterMs !== undefined)
          trailers.set('grpc-status-details-bin', failureDetails(answering));
        answer({ code: answering.code, details: answering.details, metadata: trailers });
        return;
      }
      take(call.request);
      answer(null, answering?.message ?? Buffer.alloc(0));
    };

  const services = 'opentelemetry.proto.collector';
  server.addService(serviceOf(`/${services}.logs.v1.LogsService/Export`), {
    Export: handler((body) => records.push(...readLogsRequest(body))),
  });
  server.addService(serviceOf(`/${services}.metrics.v1.MetricsService/Export`), {
    Export: handler((body) => exports.push(readMetricsRequest(body))),
  });
  t.after(() => {
    server.forceShutdown();
  });
  return {
    server,
    next,
    records,
    exports,
    metadata,
    listen: (credentials = ServerCredentials.createInsecure(), port = 0) =>
      new Promise((resolve, reject) => {
        server.bindAsync(`127.0.0.1:${String(port)}`, credentials, (error, bound) => {
          if (error) {
            reject(error);
            return;
          }
          assert.ok(bound > 0);
          resolve(bound);
        });
      }),
  };
}
