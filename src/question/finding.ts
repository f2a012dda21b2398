/** What a detector found: the same for API, command line, page and whoever it is delivered to. */

/**
 * `learning`: it has not seen enough to compare with, and finds nothing before `armedAt`. `insufficient`:
 * what it sees cannot carry a verdict. `muted`: hub.yaml says that nobody wants to hear of it.
 */
export const detectorStates = ['learning', 'armed', 'insufficient', 'muted'] as const;
export type DetectorState = (typeof detectorStates)[number];

export interface DetectorStatus {
  /** What it finds, such as scans; `new`: what the question calls new, by nodes. */
  readonly finds: string;
  readonly state: DetectorState;
  /** RFC 3339; null where it is not known yet, because nothing was heard so far. */
  readonly armedAt: string | null;
  /** Findings that are open now. */
  readonly findings: number;
  /** How many keys, or nodes, stand how: each has a history of its own. */
  readonly keys: Readonly<Record<string, number>>;
  /** Some of those that cannot be judged as others are: which, and why. */
  readonly limits: readonly Limit[];
}

export interface Limit {
  readonly labels: Readonly<Record<string, string>>;
  /** Such as `novelty 23 %`. */
  readonly why: string;
}

export const findingStates = ['open', 'closed'] as const;
export type FindingState = (typeof findingStates)[number];

export const severities = ['warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

export interface Finding {
  /** Made of question, labels and start: the same from every hub. */
  readonly id: string;
  readonly question: string;
  /** Which of the question's detectors found it. */
  readonly finds: string;
  readonly title: string;
  readonly severity: Severity;
  /** What it is about, by canonical name. */
  readonly labels: Readonly<Record<string, string>>;
  readonly state: FindingState;
  /** RFC 3339. The step in which it was found first, and last. */
  readonly startedAt: string;
  readonly lastAt: string;
  readonly closedAt: string | null;
  /** At its highest; what it is, the detector's documentation says. */
  readonly statistic: number;
  /** What is usual; null where the method has no such thing. */
  readonly baseline: number | null;
  readonly threshold: number;
  /** Length of the step that the statistic is about. */
  readonly windowMs: number;
  /** What else the method saw, such as attempts and established. */
  readonly facts: Readonly<Record<string, number | string>>;
  readonly evidence: {
    /** Asks the question for exactly this: parameters as in the URL. */
    readonly query: Readonly<Record<string, string>>;
    readonly rows: readonly Readonly<Record<string, unknown>>[];
  };
  readonly nextStep: string;
  /** MITRE ATT&CK; empty where none fits. */
  readonly technique: string;
  /** Why it is delivered to nobody; empty where it is delivered. */
  readonly muted: string;
}

export interface FindingsAsked {
  /** Started in this time before now. */
  readonly sinceMs: number;
  readonly question?: string | undefined;
  readonly state?: FindingState | undefined;
  readonly limit: number;
}

/** As the shell takes it. */
function quoted(value: string): string {
  return /^[\w.:/+-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** The question that shows it. */
export function askCommand({ question, evidence }: Finding): string {
  const options = Object.entries(evidence.query).map(
    ([name, value]) => `--${name.replaceAll('_', '-')} ${quoted(value)}`,
  );
  return ['sonde ask', question, ...options].join(' ');
}

/** For GET /api/v1/status. */
export interface DetectSummary {
  /** By question; with `until`, up to when it has looked, and what it had to leave out. */
  readonly detectors: Readonly<Record<string, unknown>>;
  /** Of the last day: by target, how deliveries ended. */
  readonly deliveries: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
