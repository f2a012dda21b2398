import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withTree } from '../../../test/node-tree.ts';
import type { NodeFiles } from './files.ts';
import { probeNeighbours, type Surroundings } from './neighbours.ts';
import type { Program } from './report.ts';

const hooks = [
  { program: 'tcp_state_changed', section: 'tp_btf/inet_sock_set_state', attachType: 23, onCgroup: false },
  { program: 'udp_out', section: 'cgroup_skb/egress', attachType: 1, onCgroup: true },
];

const program = (id: number, name: string): Program => ({ program: id, name, type: 'tracing', user: 7 });

function surroundings(settings: Partial<Surroundings> = {}): Surroundings {
  return {
    hooks,
    cgroupRoot: '/cg',
    linked: () => [],
    programsOn: () => ({ programs: [], flags: 0 }),
    ...settings,
  };
}

function look(
  settings: Partial<Surroundings>,
  texts: Record<string, string> = {},
  links: Record<string, string> = {},
) {
  const look_ = (files: NodeFiles) => probeNeighbours(surroundings(settings), files);
  const { findings, neighbours } = withTree({ texts, links }, look_);
  return { told: findings.map(({ probe, result, detail }) => `${probe} ${result}: ${detail}`), neighbours };
}

describe('neighbours', () => {
  test('none', () =>
    assert.deepEqual(look({}).told, [
      'tracepoints ok: 1 hook, nobody else is on them',
      'cgroupHooks ok: 1 hook, nobody else is on them',
    ]));

  test('on a tracepoint of ours, and on another', () => {
    const linked = () => [
      { ...program(31, 'tcpstates'), tracepoint: 'inet_sock_set_state' },
      { ...program(32, 'tcp_state_chang'), tracepoint: 'inet_sock_set_state' },
      { ...program(33, 'elsewhere'), tracepoint: 'sched_switch' },
      program(34, 'an_iterator'),
    ];
    const { told, neighbours } = look(
      { linked },
      { '/proc/9/comm': 'tcpstates\n', '/proc/9/fdinfo/4': 'link_type:\traw_tracepoint\nprog_id:\t31\n' },
      { '/proc/9/fd/4': 'anon_inode:bpf_link' },
    );
    assert.equal(told[0], 'tracepoints note: 1 hook, 2 programs of others');
    assert.deepEqual(
      neighbours.map(({ program: id, hook, heldBy, isSonde }) => ({ id, hook, heldBy, isSonde })),
      [
        { id: 31, hook: 'inet_sock_set_state', heldBy: ['tcpstates[9]'], isSonde: false },
        { id: 32, hook: 'inet_sock_set_state', heldBy: [], isSonde: true },
      ],
    );
  });

  test('on the root control group; one that keeps others out is named', () => {
    const asked: unknown[] = [];
    const programsOn = (cgroup: string, attachType: number) => {
      asked.push([cgroup, attachType]);
      return { programs: [program(35, 'sd_fw_egress')], flags: 0 };
    };
    const { told, neighbours } = look({ programsOn });
    assert.deepEqual(asked, [['/cg', 1]]);
    assert.equal(
      told[1],
      'cgroupHooks note: 1 hook, 1 program of others; cgroup_skb/egress is kept from everybody else',
    );
    assert.deepEqual([neighbours[0]?.hook, neighbours[0]?.user], ['cgroup_skb/egress', 7]);
  });

  test('not to be seen by this user', () => {
    const linked = () => {
      throw Object.assign(new Error('look at the links: Operation not permitted'), { errno: 1 });
    };
    assert.equal(
      look({ linked }).told[0],
      'tracepoints unknown: it takes CAP_SYS_ADMIN to look at programs of others',
    );
  });

  test('no control groups, no look at them', () =>
    assert.equal(look({ cgroupRoot: undefined }).told.length, 1));
});
