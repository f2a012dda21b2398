/** The syslog exporter and rsyslog: what it has understood is what the records say. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { certificate, type CertificateFiles } from '../../../../test/certificates.ts';
import { realRecords } from '../../../../test/record-schemas.ts';
import { eventually } from '../../../../test/rig.ts';
import { systemClock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import { nameModes, recognised, rendered } from '../../../model/rendering.ts';
import { recordKinds } from '../../../model/schema/field.ts';
import { freePort } from '../../../hub/engine/engine.ts';
import { exporter } from './syslog.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-rsyslog-'));
const scheme = ['tcp', 'tls', 'udp'] as const;
type Scheme = (typeof scheme)[number];
const ports: Record<Scheme, number> = { tcp: 0, tls: 0, udp: 0 };
let rsyslog: ChildProcess;
let client: CertificateFiles;
const authority = certificate(folder, 'authority');

/** What it has taken by each way: one line a message, as it has parsed it. */
const fileOf = (of: Scheme): string => join(folder, `${of}.log`);
const parts = ['pri-text', 'timestamp:::date-rfc3339', 'hostname', 'app-name', 'procid', 'msgid', 'msg'];

function configuration(own: CertificateFiles): string {
  const ruleset = (of: Scheme) =>
    `ruleset(name="${of}") { action(type="omfile" file="${fileOf(of)}" template="parts") }`;
  const template = parts.map((part) => `%${part}%`).join('\t');
  return `global(workDirectory="${folder}" DefaultNetstreamDriverCAFile="${authority.cert}"
  DefaultNetstreamDriverCertFile="${own.cert}" DefaultNetstreamDriverKeyFile="${own.key}")
module(load="imtcp") module(load="imudp")
template(name="parts" type="string" string="${template}\n")
${scheme.map(ruleset).join('\n')}
input(type="imtcp" address="127.0.0.1" port="${ports.tcp}" ruleset="tcp")
input(type="imudp" address="127.0.0.1" port="${ports.udp}" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="${ports.tls}" ruleset="tls"
  streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
`;
}

function linesOf(of: Scheme): string[][] {
  if (!existsSync(fileOf(of))) return [];
  const text = readFileSync(fileOf(of), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

before(async () => {
  client = certificate(folder, 'agent', authority);
  for (const of of scheme) ports[of] = await freePort();
  const file = join(folder, 'rsyslog.conf');
  writeFileSync(file, configuration(certificate(folder, 'server', authority)));
  rsyslog = spawn('rsyslogd', ['-n', '-f', file, '-i', join(folder, 'pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(rsyslog, 'spawn');
});

after(async () => {
  rsyslog.kill('SIGTERM');
  if (rsyslog.exitCode === null) await once(rsyslog, 'exit');
  rmSync(folder, { recursive: true });
});

const records = realRecords();

async function deliver(of: Scheme, names: string): Promise<void> {
  const options = exporter.schema.parse({
    endpoint: `${of}://127.0.0.1:${String(ports[of])}`,
    events: recordKinds,
    names,
    ...(of === 'tls'
      ? { tls: { ca_file: authority.cert, cert_file: client.cert, key_file: client.key } }
      : {}),
  });
  await using open = await exporter.open(options, { clock: systemClock, log: silentLog });
  // It may not have begun to listen.
  for (let tries = 0; ; tries++) {
    try {
      await open.deliver(records, AbortSignal.timeout(30_000));
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await systemClock.sleep(100);
    }
  }
}

describe('rsyslog', () => {
  for (const of of scheme)
    test(`over ${of} has every record as it was, under all names`, async () => {
      for (const names of nameModes) {
        const before = linesOf(of).length;
        await deliver(of, names);
        const all = () => linesOf(of).slice(before);
        assert.ok(await eventually(() => all().length >= records.length, 30_000));
        assert.equal(all().length, records.length);
        all().forEach(([priority, time, host, app, , id, text = ''], i) => {
          const record = records[i]!;
          assert.match(priority!, /^daemon\.(info|notice|warning)$/);
          assert.equal(new Date(time!).toISOString(), record.time);
          assert.deepEqual([host, app, id], [record['host.name'], 'sonde', record['event.name']]);
          assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(rendered(record, names))));
          assert.equal(recognised(JSON.parse(text))?.record['record.sequence'], record['record.sequence']);
        });
      }
    });
});
