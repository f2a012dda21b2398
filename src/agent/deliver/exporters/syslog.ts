/**
 * Messages of RFC 5424 over TCP, TLS or UDP. The protocol acknowledges nothing: what that means is in
 * docs/operating/exporters.md. Of our own: the library that is alive writes neither octet counts nor TLS.
 */

import * as z from 'zod';
import { bytes, duration } from '../../../lib/schema.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { nameModes } from '../../../model/rendering.ts';
import { recordKinds } from '../../../model/schema/field.ts';
import type { Exporter, ExporterContext, OpenExporter } from '../exporter.ts';
import { datagramLimits, openDatagrams } from '../syslog/datagram.ts';
import { facilities, messageOf, type MessageForm } from '../syslog/message.ts';
import { openStream, type Channel } from '../syslog/stream.ts';
import { openTls, tlsSchema } from '../tls.ts';

/** As IANA has them. */
const ports: Readonly<Record<string, number>> = { 'tcp:': 601, 'tls:': 6514, 'udp:': 514 };

const headText = (lengthMax: number) =>
  z.string().regex(new RegExp(`^[\\x21-\\x7e]{1,${String(lengthMax)}}$`), {
    error: `must be 1 to ${String(lengthMax)} printable ASCII characters without spaces`,
  });

const schema = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^(tcp|tls|udp)$/, error: 'must be a URL such as tls://siem.example:6514' })
      .default('tcp://127.0.0.1:601')
      .meta({ description: 'where to: tcp://, tls:// or udp://; the port may be left out (601, 6514, 514)' }),
    events: z
      .array(z.enum(recordKinds))
      .min(1)
      .max(recordKinds.length)
      .default(['connection', 'listener', 'window'])
      .meta({ description: 'kinds of records that go there; the rest is left out' }),
    names: z.enum(nameModes).default('canonical').meta({
      description: 'of fields ([records](records.md#under-other-names)): our own, OpenTelemetry’s or ECS’s',
    }),
    facility: z.enum(facilities).default('daemon').meta({ description: 'of each message' }),
    app_name: headText(48).default('sonde').meta({ description: 'APP-NAME of each message' }),
    hostname: headText(255).optional().meta({ description: 'HOSTNAME; the record’s host.name without it' }),
    max_size: bytes({ min: '1kB', max: '1MB', default: '8kB' }).meta({
      description: 'most bytes of a message; a longer one loses its longest fields, and says which',
    }),
    tls: tlsSchema.meta({ description: 'for a tls:// endpoint' }),
    timeout: duration({ min: '1s', max: '10m', default: '10s' }).meta({
      description: 'how long connecting and writing may take before it is tried again',
    }),
  })
  .refine(({ endpoint, max_size }) => !endpoint.startsWith('udp:') || max_size <= datagramLimits.bytesMax, {
    error: `max_size must be at most ${String(datagramLimits.bytesMax)} bytes over UDP`,
  })
  .meta({ description: 'syslog messages' });

type Options = z.output<typeof schema>;

function openChannel(options: Options, { clock }: ExporterContext): Channel {
  const url = new URL(options.endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw new Error(`${options.endpoint} names no host`);
  const place = { host, port: Number(url.port) || (ports[url.protocol] ?? 0) };
  const tls = openTls(url, options.tls);
  return url.protocol === 'udp:' ? openDatagrams(place, clock) : openStream(place, tls, clock);
}

function openSyslog(options: Options, context: ExporterContext): OpenExporter {
  const channel = openChannel(options, context);
  const wanted: ReadonlySet<string> = new Set(options.events.map((kind) => `sonde.${kind}`));
  const form: MessageForm = {
    ...options,
    appName: options.app_name,
    hostname: options.hostname,
    bytesMax: options.max_size,
  };
  let hasTold = false;

  function tell(leftOut: readonly string[], { 'event.name': name }: NumberedRecord): void {
    if (hasTold) return;
    hasTold = true;
    const fields = leftOut.slice(0, 3).join(', ');
    context.log.warn(
      `exporter syslog: a message of ${name} had no room for ${fields} (max_size); each such message says so`,
    );
  }

  return {
    timeoutMs: options.timeout,
    async deliver(records, signal) {
      const chosen = records.filter((record) => wanted.has(record['event.name']));
      const messages: Buffer[] = [];
      for (const record of chosen) {
        const message = messageOf(record, form);
        if (!message) continue;
        messages.push(message.bytes);
        if (message.leftOut.length > 0) tell(message.leftOut, record);
      }
      if (messages.length > 0) await channel.write(messages, signal);
      return {
        settled: records.length,
        skipped: records.length - chosen.length,
        bytes: messages.reduce((sum, { length }) => sum + length, 0),
        refused: {
          reason: 'too_large',
          count: chosen.length - messages.length,
          message: 'longer than max_size without what could be left out',
        },
      };
    },
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

export const exporter: Exporter<typeof schema> = {
  name: 'syslog',
  summary: 'syslog messages over TCP, TLS or UDP, to a SIEM or a log server',
  schema,
  open: (options, context) => Promise.resolve().then(() => openSyslog(options, context)),
};
