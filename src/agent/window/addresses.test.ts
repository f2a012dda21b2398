import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node } from '../../../test/observations.ts';
import type { OwnAddress } from '../../model/own-address.ts';
import { addressTeller, type AddressMemory } from './addresses.ts';
import { policySchema } from './policy/config.ts';
import { keepsAll, openPolicy } from './policy/policy.ts';

const minuteMs = 60_000;
const at = (minutes: number) => new Date(minutes * minuteMs).toISOString();

function address(ip: string, netns = 7): OwnAddress {
  return { netns, ip, family: 'ipv4', scope: 'private' };
}

/** Window n ends n minutes after the epoch. */
function telling(memory: AddressMemory = []) {
  const tell = addressTeller({ node, policy: keepsAll }, memory);
  return (number: number, ...of: OwnAddress[]) =>
    tell(of, { number, start: at(number - 1), end: at(number), last: false });
}

function changes(records: ReturnType<ReturnType<typeof telling>>): string[] {
  return records.map((r) => `${r['destination.ip']} in ${r['network.namespace']} ${r['address.change']}`);
}

describe('an address is told', () => {
  test('when the agent begins, in full', () => {
    assert.deepEqual(telling()(1, address('10.0.0.9')), [
      {
        'event.name': 'sonde.address',
        time: at(1),
        'window.number': 1,
        'window.start': at(0),
        'window.end': at(1),
        ...node,
        'address.change': 'present',
        'destination.ip': '10.0.0.9',
        'destination.scope': 'private',
        'network.type': 'ipv4',
        'network.namespace': 7,
      },
    ]);
  });

  test('when it appears and when it has gone, and not between', () => {
    const tell = telling();
    tell(1);
    assert.deepEqual(changes(tell(2, address('10.0.0.9'))), ['10.0.0.9 in 7 appeared']);
    assert.deepEqual(tell(3, address('10.0.0.9')), []);
    assert.deepEqual(changes(tell(4)), ['10.0.0.9 in 7 gone']);
    assert.deepEqual(tell(5), []);
    assert.deepEqual(changes(tell(6, address('10.0.0.9'))), ['10.0.0.9 in 7 appeared']);
  });

  test('in each namespace that has it', () => {
    const tell = telling();
    tell(1, address('10.0.0.9', 7));
    assert.deepEqual(changes(tell(2, address('10.0.0.9', 8))), [
      '10.0.0.9 in 8 appeared',
      '10.0.0.9 in 7 gone',
    ]);
  });

  test('once an hour, also where the clock was set back', () => {
    const tell = telling();
    tell(1, address('10.0.0.9'));
    assert.deepEqual(tell(60, address('10.0.0.9')), []);
    assert.deepEqual(changes(tell(61, address('10.0.0.9'))), ['10.0.0.9 in 7 present']);
    assert.deepEqual(tell(62, address('10.0.0.9')), []);
    assert.deepEqual(changes(tell(1, address('10.0.0.9'))), ['10.0.0.9 in 7 present']);
  });

  test('as gone by the agent that comes after, where it went meanwhile', () => {
    const memory: AddressMemory = [];
    telling(memory)(1, address('10.0.0.8'), address('10.0.0.9'));
    const kept = JSON.parse(JSON.stringify(memory)) as AddressMemory;
    assert.deepEqual(changes(telling(kept)(2, address('10.0.0.9'))), [
      '10.0.0.9 in 7 present',
      '10.0.0.8 in 7 gone',
    ]);
  });

  test('as the field policy leaves it, also in what is remembered; what it made equal once', async () => {
    const memory: AddressMemory = [];
    const policy = await openPolicy(policySchema.parse({ preset: 'minimal' }));
    const tell = addressTeller({ node, policy }, memory);
    const both = [address('10.0.0.8'), address('10.0.0.9')];
    const records = tell(both, { number: 1, start: at(0), end: at(1), last: false });
    assert.deepEqual(
      records.map((r) => [r['destination.ip'], r['destination.ip.form']]),
      [['10.0.0.0/24', 'prefix']],
    );
    assert.doesNotMatch(JSON.stringify(memory), /10\.0\.0\.[89]/);
  });
});
