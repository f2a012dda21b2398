import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DnsMessage, DnsPacket, HeardAnswer } from '../../model/dns.ts';
import { lookupLimits, openLookups, type LookupsState } from './lookups.ts';
import { rowLimits } from './rows.ts';

const ms = 1e6;

function query(change: Partial<DnsPacket> = {}, message: Partial<DnsMessage> = {}): DnsPacket {
  return {
    atNs: 1000 * ms,
    number: 0,
    cookie: 7,
    netns: 1,
    owner: 3,
    pid: 42,
    attribution: 'exact',
    direction: 'egress',
    transport: 'udp',
    local: '10.0.0.1',
    localPort: 40_000,
    remote: '10.0.0.53',
    remotePort: 53,
    family: 'ipv4',
    message: {
      id: 1,
      response: false,
      truncated: false,
      rcode: 'NOERROR',
      questions: [{ name: 'a.example', type: 'A' }],
      answers: [],
      ...message,
    },
    ...change,
  };
}

/** As it comes back to who sent `asked`, or as it leaves who got it. */
function response(asked: DnsPacket, change: Partial<DnsPacket> = {}, message: Partial<DnsMessage> = {}) {
  const direction = asked.direction === 'egress' ? 'ingress' : 'egress';
  const answers = [{ name: 'a.example', type: 'A', ttlSeconds: 30, address: '192.0.2.1' }];
  const said = { ...asked.message!, response: true, answers, ...message };
  return { ...asked, direction, atNs: asked.atNs + 2 * ms, message: said, ...change } as const;
}

function bench(options: { resumed?: LookupsState; namesMax?: number } = {}) {
  const ring: DnsPacket[] = [];
  const heard: HeardAnswer[] = [];
  const it = { told: 0, lost: 0 };
  const lookups = openLookups(
    {
      drain(take, most) {
        const taken = ring.splice(0, most);
        taken.forEach(take);
        return taken.length;
      },
      told: () => it.told,
      responsesLost: () => it.lost,
    },
    {
      dns: { timeout: 5000 },
      limits: { dns_names: options.namesMax ?? 100 },
      resumed: options.resumed,
      heard: (answer) => heard.push(answer),
    },
  );
  return {
    it,
    heard,
    lookups,
    at(timeMs: number, ...packets: readonly DnsPacket[]) {
      ring.push(...packets);
      lookups.tick({ monotonicNs: BigInt(timeMs) * 1_000_000n, on: true });
      return this;
    },
    off(timeMs: number) {
      lookups.tick({ monotonicNs: BigInt(timeMs) * 1_000_000n, on: false });
    },
  };
}

describe('a lookup', () => {
  test('is a query and its response', () => {
    const asked = query();
    const [row, ...more] = bench().at(1100, asked, response(asked)).lookups.endWindow();
    assert.deepEqual(more, []);
    assert.deepEqual(row, {
      netns: 1,
      owner: 3,
      attribution: 'exact',
      direction: 'egress',
      transport: 'udp',
      family: 'ipv4',
      server: '10.0.0.53',
      serverForm: 'exact',
      serverPort: 53,
      name: 'a.example',
      type: 'A',
      rcode: 'NOERROR',
      lookups: 1,
      attempts: 1,
      truncated: 0,
      latencySumUs: 2000,
      latency: [{ bucket: 39, count: 1 }],
      answers: ['192.0.2.1'],
      ttlMinSeconds: 30,
    });
  });

  test('on the server belongs to who answers, at the address that was asked', () => {
    const asked = query({
      direction: 'ingress',
      attribution: 'unknown',
      owner: 0,
      netns: 0,
      local: '10.0.0.53',
    });
    const served = { ...asked, localPort: 53, remote: '10.0.0.1', remotePort: 40_000 };
    const answer = response(served, { attribution: 'exact', owner: 9, netns: 4 });
    const [row] = bench().at(1100, served, answer).lookups.endWindow();
    assert.deepEqual(
      [row?.direction, row?.owner, row?.attribution, row?.netns, row?.server, row?.serverPort],
      ['ingress', 9, 'exact', 4, '10.0.0.53', 53],
    );
  });

  test('asked again is the same one, and its latency begins with the first query', () => {
    const asked = query();
    const again = query({ atNs: 5900 * ms });
    const it = bench().at(1100, asked).at(6000, again);
    it.at(7000, response(again, { atNs: 6001 * ms }));
    const [row, ...more] = it.lookups.endWindow();
    assert.deepEqual(more, []);
    assert.deepEqual([row?.lookups, row?.attempts, row?.latencySumUs], [1, 2, 5_001_000]);
  });

  test('that nobody answers in time is unanswered; its answer comes too late', () => {
    const it = bench().at(1100, query());
    assert.deepEqual(it.at(5999).lookups.endWindow(), []);
    const [row] = it.at(6000).lookups.endWindow();
    assert.deepEqual([row?.rcode, row?.latency, row?.answers], ['unanswered', [], []]);
    it.at(6100, response(query(), { atNs: 6050 * ms }));
    assert.deepEqual(it.lookups.endWindow(), []);
    assert.deepEqual(it.lookups.losses(), { 'dns.responses_unmatched': 1 });
  });

  test('is not called unanswered while responses are lost', () => {
    const it = bench().at(900);
    it.it.lost = 1; // between the two ticks: before or after the query, nobody knows
    it.at(1100, query()).at(6100);
    assert.deepEqual(it.lookups.endWindow(), []);
    assert.deepEqual(it.lookups.losses(), { 'dns.lookups_unknown': 1 });
    it.at(6200, query({ atNs: 6150 * ms })).at(12_000);
    assert.equal(it.lookups.endWindow()[0]?.rcode, 'unanswered');
  });

  test('is told apart by socket, number, question and resolver', () => {
    const others = [
      query(),
      query({ cookie: 8 }),
      query({}, { id: 2 }),
      query({}, { questions: [{ name: 'a.example', type: 'AAAA' }] }),
      query({ remote: '10.0.0.54' }),
    ];
    const it = bench().at(1100, ...others);
    assert.equal(it.lookups.state().pending, others.length);
    it.at(1200, response(query({ remote: '10.0.0.55' })), response(query({}, { id: 3 })));
    assert.deepEqual(it.lookups.losses(), { 'dns.responses_unmatched': 2 });
    it.at(1300, ...others.map((asked) => response(asked)));
    assert.equal(it.lookups.state().pending, 0);
    assert.equal(
      it.lookups.endWindow().reduce((sum, { lookups }) => sum + lookups, 0),
      others.length,
    );
  });

  test('is ended by a response that repeats no question, by its number', () => {
    const asked = query();
    const mute = response(asked, {}, { questions: [], answers: [], rcode: 'FORMERR' });
    const [row] = bench().at(1100, asked, mute).lookups.endWindow();
    assert.deepEqual([row?.rcode, row?.name], ['FORMERR', 'a.example']);
  });

  test('that is no DNS at all is malformed', () => {
    const it = bench().at(1100, query({ message: undefined }));
    assert.deepEqual(it.lookups.losses(), { 'dns.malformed': 1 });
  });
});

describe('asked by multicast', () => {
  const asked = query({ remote: '224.0.0.251', remotePort: 5353, localPort: 5353 }, { id: 0 });

  test('anybody may answer, without repeating the question', () => {
    const answer = response(asked, { remote: '10.0.0.77', local: '224.0.0.251' }, { questions: [] });
    const [row] = bench().at(1100, asked, answer).lookups.endWindow();
    assert.deepEqual([row?.name, row?.server, row?.answers], ['a.example', '224.0.0.251', ['192.0.2.1']]);
  });

  test('it is told where it is asked only; announcements are nothing that was asked', () => {
    const heard = query({ direction: 'ingress', local: 'ff02::fb', remote: 'fe80::1', remotePort: 5353 });
    const announced = response(asked, { remote: '10.0.0.77', local: '224.0.0.251' }, { questions: [] });
    const it = bench().at(1100, heard, announced).at(20_000);
    assert.deepEqual([it.lookups.endWindow(), it.lookups.losses()], [[], {}]);
  });
});

describe('bounds', () => {
  test('lookups that wait', () => {
    const { pendingMax } = lookupLimits;
    const it = bench().at(1100, ...Array.from({ length: pendingMax + 3 }, (_, id) => query({ cookie: id })));
    it.at(1100);
    assert.equal(it.lookups.state().pending, pendingMax);
    assert.deepEqual(it.lookups.losses(), { 'dns.lookups_overflow': 3 });
  });

  test('names of a window: then their domain, then none; the next window begins anew', () => {
    const it = bench({ namesMax: 4 });
    const names = ['a', 'b', 'c', 'd', 'x.y.one.co.uk', 'v.y.one.co.uk', 'x.two.org', 'a'];
    const ask = (name: string, id: number) => query({}, { id, questions: [{ name, type: 'A' }] });
    for (const [id, name] of names.entries()) it.at(1100, ask(name, id), response(ask(name, id)));
    const told = it.lookups.endWindow().map(({ name, lookups }) => [name, lookups]);
    assert.deepEqual(told, [
      ['a', 2],
      ['b', 1],
      ['c', 1],
      ['d', 1],
      ['*.one.co.uk', 2],
      ['*', 1],
    ]);
    assert.deepEqual(it.lookups.losses(), { 'dns.names_to_domain': 2, 'dns.names_to_all': 1 });
    it.at(1200, ask('x.two.org', 1), response(ask('x.two.org', 1)));
    assert.equal(it.lookups.endWindow()[0]?.name, 'x.two.org');
  });

  test('rows of a window: then owner and outcome only', () => {
    const it = bench();
    const { rowsMax } = rowLimits;
    for (let i = 0; i < rowsMax + 5; i++) {
      const asked = query({ remote: `10.1.${i >> 8}.${i & 255}`, remotePort: 53 + (i >> 16) });
      it.at(1100, asked, response(asked));
    }
    const rows = it.lookups.endWindow();
    assert.equal(rows.length, rowsMax + 1);
    const last = rows.at(-1);
    assert.deepEqual([last?.server, last?.serverForm, last?.name, last?.lookups], [null, 'folded', '*', 5]);
    assert.deepEqual(it.lookups.losses(), { 'dns.rows_folded': 5 });
  });
});

describe('the addresses that a name leads to', () => {
  test('are heard for who asked, whatever the window tells of names', () => {
    const answers = [
      { name: 'a.example', type: 'CNAME', ttlSeconds: 5, target: 'edge.example' },
      { name: 'edge.example', type: 'A', ttlSeconds: 30, address: '192.0.2.1' },
    ];
    const asked = query();
    const it = bench({ namesMax: 0 }).at(1100, asked, response(asked, {}, { answers }));
    assert.deepEqual(it.heard, [
      {
        netns: 1,
        owner: 3,
        name: 'a.example',
        atMs: 1002,
        addresses: [{ address: '192.0.2.1', ttlSeconds: 5 }],
      },
    ]);
  });

  test('are not heard at the end that answers, nor of answers to nothing that was asked', () => {
    const served = query({ direction: 'ingress' });
    const it = bench().at(1100, served, response(served));
    it.at(1200, response(query({ cookie: 8 })));
    assert.deepEqual(it.heard, []);
  });

  test('are none of a failure', () => {
    const asked = query();
    const it = bench().at(1100, asked, response(asked, {}, { rcode: 'NXDOMAIN', answers: [] }));
    assert.deepEqual(it.heard, []);
  });
});

describe('an agent that comes after another', () => {
  test('names the messages that were consumed and not told, and the lookups that waited', () => {
    const before = { consumed: 10, pending: 2 };
    const it = bench({ resumed: before });
    assert.deepEqual(it.lookups.losses(), { 'dns.lookups_forgotten': 2 });
    const later = bench({ resumed: before });
    assert.equal(later.lookups.state().consumed, 10);
  });

  test('after two ticks it knows how many', () => {
    const it = { told: 15, lost: 0 };
    const ring = [query({ number: 13 }), query({ number: 14, cookie: 8 }), query({ number: 15, cookie: 9 })];
    const lookups = openLookups(
      {
        drain: (take) => ring.splice(0).map(take).length,
        told: () => it.told,
        responsesLost: () => it.lost,
      },
      { dns: { timeout: 5000 }, limits: { dns_names: 100 }, resumed: { consumed: 10, pending: 0 } },
    );
    for (let i = 0; i < 3; i++) lookups.tick({ monotonicNs: 1_000_000_000n, on: true });
    assert.deepEqual(lookups.losses(), { 'dns.messages_forgotten': 3 });
    assert.deepEqual(lookups.state(), { consumed: 16, pending: 3 });
  });
});

test('switched off, nothing waits any more, and nothing is called unanswered', () => {
  const it = bench().at(1100, query());
  it.off(1200);
  it.at(9000);
  assert.deepEqual([it.lookups.endWindow(), it.lookups.losses()], [[], { 'dns.lookups_forgotten': 1 }]);
});
