/**
 * Which kernel modules a guest loads, and in what order. The packages carry no modules.dep (depmod makes it
 * on installing), so dependencies are read from the modules themselves.
 */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Kernel } from './kernels.ts';

const run = promisify(execFile);
const moduleBytesMax = 64 << 20;

/**
 * All is loaded at boot, since nothing in the guest loads a module on demand. A name the kernel has built in,
 * or does not have at all, is passed over: what a test needs it must probe for.
 */
const wanted = [
  // links
  ...[
    'veth',
    'tun',
    'dummy',
    'bridge',
    'vrf',
    'macvlan',
    'ipip',
    'ip_gre',
    'ip6_tunnel',
    'vxlan',
    'wireguard',
    'ifb',
  ],
  // nftables
  ...[
    'nf_tables',
    'nft_ct',
    'nft_limit',
    'nft_numgen',
    'nft_quota',
    'nft_reject',
    'nft_reject_inet',
    'nft_reject_ipv4',
  ],
  ...[
    'nft_reject_ipv6',
    'nft_counter',
    'nft_objref',
    'nft_nat',
    'nft_chain_nat',
    'nft_masq',
    'nft_redir',
    'nft_log',
  ],
  ...[
    'nft_hash',
    'nft_fib_inet',
    'nft_connlimit',
    'nft_synproxy',
    'nft_tproxy',
    'nft_socket',
    'nf_conntrack_netlink',
  ],
  ...[
    'nf_log_syslog',
    'nft_reject_netdev',
    'nft_queue',
    'nft_compat',
    'xt_bpf',
    'xt_TCPMSS',
    'xt_tcpudp',
    'xt_cgroup',
  ],
  // ss, and ss -K
  ...['tcp_diag', 'udp_diag', 'raw_diag', 'mptcp_diag', 'unix_diag', 'netlink_diag', 'af_packet_diag'],
  // queues and filters
  ...[
    'sch_netem',
    'sch_tbf',
    'sch_fq',
    'sch_prio',
    'sch_ingress',
    'cls_bpf',
    'cls_u32',
    'cls_flower',
    'cls_matchall',
  ],
  ...['act_bpf', 'act_mirred', 'act_gact'],
  // transports
  ...['tcp_bbr', 'tcp_dctcp', 'tls'],
  // a disk
  ...['virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4'],
] as const;

export interface GuestModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}

async function index(kernel: Kernel): Promise<ReadonlyMap<string, string>> {
  const all = await readdir(join(kernel.modules, 'kernel'), { recursive: true });
  const modules = all.filter((p) => /\.ko(\.\w+)?$/.test(p));
  return new Map(modules.map((p) => [moduleName(p), join(kernel.modules, 'kernel', p)]));
}

/**
 * insmod takes only plain modules; the kernel could unpack .xz itself, but that is slow on an emulated
 * processor.
 */
async function load(path: string): Promise<Buffer> {
  const tool = path.endsWith('.xz')
    ? 'xz'
    : path.endsWith('.zst')
      ? 'zstd'
      : path.endsWith('.gz')
        ? 'gzip'
        : undefined;
  if (tool === undefined) return readFile(path);
  const { stdout } = await run(tool, ['-dc', path], { encoding: 'buffer', maxBuffer: moduleBytesMax });
  return stdout;
}

/** `.modinfo` is a list of NUL-terminated `key=value`; no other section of a module holds such strings. */
function dependencies(module: Buffer): string[] {
  const at = module.indexOf('\0depends=');
  if (at < 0) return [];
  const from = at + '\0depends='.length;
  return module.toString('latin1', from, module.indexOf(0, from)).split(',').filter(Boolean);
}

/**
 * Modules with all they depend on, each after what it needs. libcrc32c does not name crc32c_generic, it asks
 * the kernel to load one on demand, which nothing here answers.
 */
export async function guestModules(kernel: Kernel): Promise<GuestModule[]> {
  const paths = await index(kernel);
  const done = new Map<string, GuestModule>();
  const add = async (asked: string): Promise<void> => {
    const name = asked.replaceAll('-', '_');
    const path = paths.get(name);
    if (path === undefined || done.has(name)) return;
    const bytes = await load(path);
    const needs = dependencies(bytes);
    for (const need of name === 'libcrc32c' ? ['crc32c_generic', ...needs] : needs) await add(need);
    done.set(name, { name, bytes });
  };
  for (const name of wanted) await add(name);
  return [...done.values()];
}
