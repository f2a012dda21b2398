/** Why a record was not stored. Each has a name that is counted, and shown in GET /api/v1/status. */

export const rejectionReasons = {
  unknown_event: 'an event name that the hub does not store',
  missing: 'something that every such record has is missing',
  type: 'a value of another type than the label has',
  bounds: 'a value outside of what the label allows',
  time: 'a time that cannot be: too old, in the future, or a window that ends before it starts',
  horizon: 'older than what the hub remembers of its agent: it may have been stored, or not',
} as const;
export type RejectionReason = keyof typeof rejectionReasons;

/** Thrown for one record; its neighbours are stored. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
