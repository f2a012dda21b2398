import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Param } from './contract.ts';
import { likePattern, readParams, sqlParams } from './params.ts';

const description = 'only here';
const params: readonly Param[] = [
  { name: 'process', type: 'text', format: 'pattern', default: '', description },
  { name: 'destination', type: 'text', format: 'network', default: '', description },
  { name: 'zone', type: 'text', format: 'zone', default: 'UTC', description },
  { name: 'port', type: 'integer', default: 0, min: 0, max: 65_535, description },
  { name: 'share', type: 'number', default: 0.5, min: 0, max: 1, description },
  { name: 'new', type: 'boolean', default: false, description },
  { name: 'state', type: 'choice', default: 'any', values: ['any', 'open'], description },
  { name: 'history', type: 'duration', default: '24h', min: 3_600_000, max: 86_400_000, description },
];

function values(given: Record<string, string>): Readonly<Record<string, unknown>> {
  const read = readParams(params, given);
  assert.ok('values' in read, JSON.stringify(read));
  return read.values;
}

describe('readParams', () => {
  test('fills defaults in', () =>
    assert.deepEqual(values({}), {
      process: '',
      destination: '',
      zone: 'UTC',
      port: 0,
      share: 0.5,
      new: false,
      state: 'any',
      history: '24h',
    }));

  test('gives each its type', () =>
    assert.deepEqual(
      values({
        process: 'a*',
        destination: '::/0',
        zone: 'Asia/Kolkata',
        port: '443',
        share: '1',
        new: '1',
        state: 'open',
        history: '1h',
      }),
      {
        process: 'a*',
        destination: '::/0',
        zone: 'Asia/Kolkata',
        port: 443,
        share: 1,
        new: true,
        state: 'open',
        history: '1h',
      },
    ));

  const bad: readonly (readonly [name: string, text: string, problem: string])[] = [
    ['port', '1e3', 'must be a whole number between 0 and 65535; got 1e3'],
    ['port', '', 'must be a whole number between 0 and 65535; got '],
    ['share', '1.01', 'must be a number between 0 and 1; got 1.01'],
    ['share', 'Infinity', 'must be a number between 0 and 1; got Infinity'],
    ['new', 'yes', 'must be true or false; got yes'],
    ['state', 'ANY', 'must be one of any, open; got ANY'],
    ['history', '30m', 'must be between 1h and 1d; got 30m'],
    ['history', '1', 'must be a duration such as 24h; got 1'],
    ['destination', 'x', 'must be an address or a network such as 10.0.0.0/8; got x'],
    ['zone', 'Europe/Atlantis', 'must be a time zone such as Europe/Berlin; got Europe/Atlantis'],
    ['zone', '+02:00', 'must be a time zone such as Europe/Berlin; got +02:00'],
    ['process', 'x'.repeat(201), 'must be at most 200 characters'],
    ['process', 'a\0b', 'must not hold a NUL'],
  ];
  for (const [param, text, problem] of bad) {
    test(`${param} ${JSON.stringify(text.slice(0, 10))}`, () =>
      assert.deepEqual(readParams(params, { [param]: text }), { param, problem }));
  }
});

describe('sqlParams', () => {
  test('a pattern is for LIKE, a network its two ends, a zone well spelt, a duration milliseconds', () => {
    const given = {
      process: 'a*',
      destination: '10.0.0.0/8',
      zone: 'europe/berlin',
      history: '2h',
      new: true,
    };
    assert.deepEqual(sqlParams(params, { ...values({}), ...given }), {
      process: 'a%',
      destination_first: '0:0:0:0:0:ffff:a00:0',
      destination_last: '0:0:0:0:0:ffff:aff:ffff',
      zone: 'Europe/Berlin',
      port: 0,
      share: 0.5,
      new: true,
      state: 'any',
      history: 7_200_000,
    });
  });

  test('what LIKE would read as special is itself', () => {
    assert.equal(likePattern('100%_\\*'), '100\\%\\_\\\\%');
    assert.equal(likePattern(''), '%');
  });
});
