/** Tails with time in the test's hands: who is told what, and who loses what. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { manualClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import type { Row } from '../../model/block.ts';
import { eventReader, type StreamEvent } from '../../question/event-stream.ts';
import { packing } from '../store/store.ts';
import { openTails, tailLimits } from './tail.ts';

const { signal } = new AbortController();

const unreadable = { columns: 1, length: 1, bytes: Buffer.alloc(0) };

function flow(fields: Readonly<Record<string, unknown>>): Row {
  return packing.tables.flows.map((column) => fields[column] ?? null);
}

function rig() {
  const clock = manualClock({ wallMs: 1_000_000 });
  return { clock, tails: openTails({ tables: packing.tables, clock, log: silentLog }) };
}

/** Reads whatever has come, now and whenever it is asked. */
function reading(stream: Readable): { readonly events: StreamEvent[]; readonly take: () => Promise<void> } {
  const read = eventReader();
  const events: StreamEvent[] = [];
  return {
    events,
    async take() {
      for (;;) {
        await nextTurn();
        const chunk = stream.read() as Buffer | null;
        if (chunk === null) return;
        events.push(...read(chunk.toString('utf8')));
      }
    },
  };
}

function named(events: readonly StreamEvent[], name: string): Readonly<Record<string, unknown>>[] {
  return events.filter(({ event }) => event === name).map(({ value }) => value as Record<string, unknown>);
}

describe('a tail', () => {
  test('begins with its columns, and tells what the filter lets through', async () => {
    using tails = rig().tails;
    const stream = tails.open({ query: { filter: 'process.name=curl destination.ip=10.0.0.0/8' }, signal });
    const { events, take } = reading(stream);
    tails.offer({
      flows: packing.pack('flows', [
        flow({ process_name: 'curl', destination_ip: '10.0.0.7', bytes_sent: 5 }),
        flow({ process_name: 'curl', destination_ip: '11.0.0.7' }),
        flow({ process_name: 'wget', destination_ip: '10.0.0.7' }),
        flow({ process_name: 'curl', destination_ip: '10.0.0.7', workload_name: 'sonde' }),
      ]),
      windows: packing.open('windows', unreadable),
    });
    await take();
    const [begin] = named(events, 'begin');
    assert.deepEqual(
      [begin?.['table'], begin?.['filter']],
      ['flows', 'process.name=curl destination.ip=10.0.0.0/8'],
    );
    const rows = named(events, 'row');
    assert.deepEqual(
      rows.map((row) => [row['process.name'], row['destination.ip'], row['bytes.sent']]),
      [['curl', '10.0.0.7', 5]],
    );
    const known = (begin?.['columns'] as { name: string }[]).map(({ name }) => name);
    assert.ok(Object.keys(rows[0] ?? {}).every((name) => known.includes(name)));
  });

  test('that is not read loses what does not fit, and is told how much', async () => {
    const { clock, tails } = rig();
    using _ = tails;
    const stream = tails.open({ query: {}, signal });
    const { events, take } = reading(stream);
    const offered = 4 * tailLimits.burstRowsMax;
    const long = flow({ process_name: 'x'.repeat(1000) });
    for (let i = 0; i < 4; i++) {
      tails.offer(packing.packTables({ flows: Array.from({ length: tailLimits.burstRowsMax }, () => long) }));
      await clock.advance(10_000);
    }
    assert.ok(stream.readableLength < tailLimits.bufferedBytesMax + 10_000, String(stream.readableLength));
    await take();
    tails.offer({});
    await take();
    const lost = named(events, 'lost');
    assert.equal(lost.length, 1);
    const { rate, slow } = lost[0] as { rate: number; slow: number };
    assert.equal(rate, 0);
    assert.ok(slow > 0);
    assert.equal(named(events, 'row').length + slow, offered);
  });

  test('is told so many a second, and how many more there were', async () => {
    const { clock, tails } = rig();
    using _ = tails;
    const { events, take } = reading(tails.open({ query: {}, signal }));
    const rows = Array.from({ length: tailLimits.burstRowsMax + 5 }, () => flow({ process_name: 'curl' }));
    tails.offer(packing.packTables({ flows: rows }));
    await take();
    assert.equal(named(events, 'row').length, tailLimits.burstRowsMax);
    assert.deepEqual(named(events, 'lost'), [{ rate: 5, slow: 0 }]);
    await clock.advance(1000);
    tails.offer(packing.packTables({ flows: rows }));
    await take();
    assert.equal(named(events, 'row').length, tailLimits.burstRowsMax + tailLimits.rowsPerSecondMax);
  });

  test('says that it is there, while nothing comes', async () => {
    const { clock, tails } = rig();
    using _ = tails;
    const stream = tails.open({ query: {}, signal });
    await reading(stream).take();
    await clock.advance(tailLimits.heartbeatMs);
    assert.match(String(stream.read()), /^: .*\n\n$/);
  });

  test('ends with whoever reads it, and with the hub', async () => {
    const { tails } = rig();
    const gone = new AbortController();
    const first = tails.open({ query: {}, signal: gone.signal });
    gone.abort();
    await once(first, 'close');
    const second = tails.open({ query: {}, signal });
    second.resume();
    tails[Symbol.dispose]();
    tails[Symbol.dispose]();
    await once(second, 'end');
  });

  test('that fails by a fault of ours takes nothing else with it', async () => {
    using tails = rig().tails;
    const bad = tails.open({ query: { table: 'windows', filter: 'lost.x=1 -agent.version~a' }, signal });
    const good = reading(tails.open({ query: {}, signal }));
    const failed = once(bad, 'error');
    tails.offer({
      windows: packing.open('windows', unreadable),
      flows: packing.pack('flows', [flow({ process_name: 'curl' })]),
    });
    await failed;
    await good.take();
    assert.equal(named(good.events, 'row').length, 1);
  });
});

test('what cannot be tailed is said', () => {
  using tails = rig().tails;
  const code = (query: Readonly<Record<string, string>>): string => {
    try {
      tails.open({ query, signal });
    } catch (error) {
      if (isOperatorError(error)) return error.code;
      throw error;
    }
    return 'taken';
  };
  assert.equal(code({ filter: 'a=1' }), 'search.bad_filter');
  assert.equal(code({ table: 'flows_1m' }), 'search.bad_param');
  assert.equal(code({ limit: '5' }), 'search.bad_param');
  const all = Array.from({ length: tailLimits.tailsMax }, () => code({}));
  assert.deepEqual(new Set(all), new Set(['taken']));
  assert.equal(code({}), 'tail.full');
});
