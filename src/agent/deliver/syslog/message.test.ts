/** Messages of RFC 5424, and what becomes of records that are too long for one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { realRecords } from '../../../../test/record-schemas.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { nameModes, recognised, rendered } from '../../../model/rendering.ts';
import { facilities, messageOf, type MessageForm } from './message.ts';

const form: MessageForm = {
  facility: 'local0',
  appName: 'sonde',
  hostname: undefined,
  names: 'canonical',
  bytesMax: 8000,
};
const grammar =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (\S{1,255}) (\S{1,48}) - (\S{1,32}) - (.*)$/u;

function parsed(record: NumberedRecord, change: Partial<MessageForm> = {}) {
  const message = messageOf(record, { ...form, ...change });
  assert.ok(message);
  const [, priority, time, host, app, id, text] = grammar.exec(message.bytes.toString()) ?? [];
  return { ...message, priority: Number(priority), time, host, app, id, told: JSON.parse(text!) as object };
}

const records = realRecords();
const find = (kind: string, state?: string): NumberedRecord =>
  records.find(
    (record) =>
      record['event.name'] === `sonde.${kind}` &&
      (state === undefined || (record as { 'connection.state'?: string })['connection.state'] === state),
  )!;

describe('a message', () => {
  for (const names of nameModes)
    test(`says the whole record, ${names}`, () => {
      for (const record of records) {
        const { told, leftOut, time, id } = parsed(record, { names });
        assert.deepEqual(told, JSON.parse(JSON.stringify(rendered(record, names))));
        assert.deepEqual([leftOut, time, id], [[], record.time, record['event.name']]);
      }
    });

  test('has a severity by what it tells, and the facility that was asked for', () => {
    const severity = (record: NumberedRecord) => parsed(record).priority - 16 * 8;
    assert.equal(severity(find('flow', 'closed')), 6);
    assert.equal(severity(find('flow', 'timed_out')), 4);
    assert.equal(severity(find('listener')), 5);
    const window = find('window');
    assert.equal(severity({ ...window, lost: {} } as NumberedRecord), 6);
    assert.equal(severity({ ...window, lost: { 'kernel.ring_full': 1 } } as NumberedRecord), 4);
    const codes = facilities.map((facility) => parsed(find('flow', 'closed'), { facility }).priority >> 3);
    assert.deepEqual(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23]);
  });

  test('is of one line of printable text in its head, whatever the record says', () => {
    const { host } = parsed({ ...find('flow'), 'host.name': 'a b\nü' });
    assert.equal(host, 'a?b??');
    assert.equal(parsed({ ...find('flow'), 'host.name': '' }).host, '-');
    assert.equal(parsed(find('flow'), { hostname: 'gateway' }).host, 'gateway');
  });
});

describe('a record that is too long', () => {
  const long = { ...find('flow', 'timed_out'), 'process.executable.path': `/${'ü'.repeat(5000)}` };

  for (const names of nameModes)
    test(`loses its longest field, and says so, ${names}`, () => {
      const { told, leftOut, bytes } = parsed(long, { names });
      assert.ok(bytes.length <= form.bytesMax);
      assert.deepEqual(leftOut, ['process.executable.path']);
      assert.deepEqual((told as Record<string, unknown>)['sonde.truncated'], leftOut);
      const { record } = recognised(told)!;
      assert.equal(record['record.sequence'], long['record.sequence']);
      assert.equal(record['boot.id'], long['boot.id']);
    });

  test('keeps what says which one it is, within any size that may be asked for', () => {
    for (const record of [...records, long])
      for (const names of nameModes) {
        const { bytes, leftOut, told } = parsed(record, { names, bytesMax: 1000 });
        assert.ok(bytes.length <= 1000);
        const back = recognised(told)!.record;
        for (const name of ['event.name', 'time', 'host.name', 'boot.id', 'record.sequence'] as const)
          assert.equal(back[name], record[name]);
        const said = ((told as Record<string, unknown>)['sonde.truncated'] ?? []) as readonly string[];
        assert.deepEqual(said.slice(0, 10), leftOut.slice(0, 10));
        assert.equal(said[10], leftOut.length > 10 ? `and ${String(leftOut.length - 10)} more` : undefined);
      }
  });

  test('is none when even that has no room', () => {
    assert.equal(
      messageOf({ ...long, 'host.name': 'h'.repeat(900) }, { ...form, bytesMax: 1000 }),
      undefined,
    );
  });
});
