/**
 * Signals: what the kernel programs can tell, each a group of programs that is switched on and off as one.
 * A question names those that it cannot do without; a profile says which may be on without being asked for.
 */

export const profiles = ['failures', 'connections', 'full'] as const;
export type Profile = (typeof profiles)[number];

export interface SignalPolicy {
  /** For people: what is not known while it is off. */
  readonly tells: string;
  /** Without it there is nothing to count: it cannot be switched off. */
  readonly always?: true;
  /** The first profile in which it is on where a question needs it. */
  readonly from: Profile;
}

export const signals = {
  lifecycle: {
    tells: 'every TCP connection: who, where to, latency, bytes, and how it ends',
    always: true,
    from: 'failures',
  },
  retransmits: {
    tells: 'retransmissions of SYN-ACKs, and of all else as they happen',
    from: 'failures',
  },
  refusals: {
    tells: 'connection attempts to ports of this host where nobody listens',
    from: 'failures',
  },
  dns: {
    tells: 'DNS lookups: question, answer, latency and those unanswered; reads the messages',
    from: 'full',
  },
  udp: {
    tells: 'UDP flows, QUIC among them: who, where to, bytes and datagrams both ways, refusals',
    from: 'full',
  },
} as const satisfies Readonly<Record<string, SignalPolicy>>;

export type SignalName = keyof typeof signals;

export const signalNames = Object.keys(signals) as readonly SignalName[];

/** Those that may be switched off. */
export const optionalSignals = signalNames.filter((name) => (signals[name] as SignalPolicy).always !== true);

export interface SignalWishes {
  readonly profile: Profile;
  /** Those that are enabled; all that are installed without it. */
  readonly questions?: readonly string[] | undefined;
  /** By the configuration: whatever profile and questions say. */
  readonly signals: Readonly<Partial<Record<SignalName, 'on' | 'off'>>>;
}

/**
 * Those to be on, in the order of `signalNames`; `needed` is what the enabled questions name. Profile `full`
 * without a list of questions has all.
 */
export function wantedSignals(wishes: SignalWishes, needed: ReadonlySet<SignalName>): SignalName[] {
  const hasAll = wishes.profile === 'full' && wishes.questions === undefined;
  const rank = (profile: Profile) => profiles.indexOf(profile);
  return signalNames.filter((name) => {
    const policy: SignalPolicy = signals[name];
    if (policy.always) return true;
    const allowed = (hasAll || needed.has(name)) && rank(policy.from) <= rank(wishes.profile);
    return (wishes.signals[name] ?? (allowed ? 'on' : 'off')) === 'on';
  });
}
