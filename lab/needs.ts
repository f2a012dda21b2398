/** What this machine lacks for a scenario, found out by trying, once per process. */
import { Namespace } from './namespaces.ts';
import type { Need } from './scenario.ts';

const trials: Readonly<Record<Need, (at: Namespace) => Promise<unknown>>> = {
  ipv6: async (at) => {
    const actor = await at.actor('trial');
    await actor.bind(await actor.socket('tcp6'), '::1');
  },
  mptcp: async (at) => (await at.actor('trial')).socket('mptcp4'),
  nft: (at) => at.filter(['tcp dport 1 drop']),
  veth: (at) => at.ip('link add trial0 type veth peer name trial1'),
  // Destroying sockets is a kernel option of its own (CONFIG_INET_DIAG_DESTROY): one must really go.
  ss: async (at) => {
    const actor = await at.actor('trial');
    const listener = await actor.socket('tcp4');
    await actor.bind(listener, '127.0.0.1', 7000);
    await actor.listen(listener);
    await at.run(['ss', '-K', '-t', '-l', 'sport', '=', ':7000']);
    await actor.until(listener, { state: 'CLOSE' }, 500);
  },
};

const results = new Map<Need, Promise<boolean>>();

async function isMet(need: Need): Promise<boolean> {
  await using at = await Namespace.open('trial');
  // Awaited here: the namespace must outlive its trial.
  return await trials[need](at).then(
    () => true,
    () => false,
  );
}

export async function missingNeeds(needs: readonly Need[]): Promise<Need[]> {
  const missing: Need[] = [];
  for (const need of needs) {
    const result = results.get(need) ?? isMet(need);
    results.set(need, result);
    if (!(await result)) missing.push(need);
  }
  return missing;
}
