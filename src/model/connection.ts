/**
 * What can be said of one connection end. The words are the record's (docs/reference/labels.md): the kernel
 * programs, the agent, the lab and every exporter use these and no others.
 */

export const connectionStates = [
  'open',
  'closed',
  'refused',
  'timed_out',
  'canceled',
  'unreachable',
  'reset',
  'failed',
] as const;
export type ConnectionState = (typeof connectionStates)[number];

/** `egress`: this host opened it. `ingress`: it was opened to this host. */
export const directions = ['egress', 'ingress'] as const;
export type Direction = (typeof directions)[number];

export const transports = ['tcp', 'udp'] as const;
export type Transport = (typeof transports)[number];

export const networkTypes = ['ipv4', 'ipv6'] as const;
export type NetworkType = (typeof networkTypes)[number];

/** Which end's RST ended it; `admin`: someone on this host destroyed the socket (`ss -K`). */
export const resetSides = ['local', 'remote', 'admin'] as const;
export type ResetSide = (typeof resetSides)[number];

/** `aborted`: its application did, without or in spite of a FIN; `reset_sent`: the kernel itself. */
export const closeReasons = [
  'fin_local',
  'fin_remote',
  'fin_both',
  'aborted',
  'reset_sent',
  'reset_received',
  'timeout',
  'keepalive',
  'process_exit',
  'admin',
  'unknown',
] as const;
export type CloseReason = (typeof closeReasons)[number];

/**
 * Who gave up waiting: the kernel (its timer ran out) or the application (it closed a connect that got no
 * answer).
 */
export const timeoutBys = ['kernel', 'application'] as const;
export type TimeoutBy = (typeof timeoutBys)[number];

/**
 * How the owner is known. `exact`: the task was seen in connect, listen or close of this socket. `inherited`:
 * copied from the listener. `scanned`: a holder found in a file table. `kernel`: a kernel thread opened it.
 * `unknown`: none of these.
 */
export const attributions = ['unknown', 'exact', 'inherited', 'scanned', 'kernel'] as const;
export type Attribution = (typeof attributions)[number];

/**
 * How much of an address a row keeps: all, a network prefix, nothing because the map was full, nothing by
 * profile.
 */
export const addressForms = ['exact', 'prefix', 'folded', 'hashed'] as const;
export type AddressForm = (typeof addressForms)[number];

/** How much of a value the field policy left, beside it as FIELD.form. */
export const valueForms = ['prefix', 'domain', 'hashed'] as const;
export type ValueForm = (typeof valueForms)[number];
