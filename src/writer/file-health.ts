/**
 * How `audit.health()` tells of one file.
 *
 * @module
 */

/** What `audit.health()` says of one file. */
export interface FileHealth {
  /** The file, as a whole path. */
  readonly path: string;
  /**
   * `ok`; `slow`: a call has waited for the disk in vain, lines wait; `failing`: the last attempt to write failed, lines
   * wait; `full`: lines are being dropped.
   */
  readonly state: "ok" | "slow" | "failing" | "full";
  /** Lines that stand in the file, since the process began. */
  readonly written: number;
  /** Lines that never will be; a `GAP` record tells of them. */
  readonly dropped: number;
  /** Bytes that wait to be written. */
  readonly queued_bytes: number;
  /** Rotations that the system refused; the file grows beyond `maxBytes`, and one is tried again every second. */
  readonly rotations_failed: number;
  /** What the system said when a write last failed; `null` if none did. */
  readonly last_error: string | null;
}
