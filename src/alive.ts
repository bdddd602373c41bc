/**
 * Whether a process lives: for what names its owner by a process id.
 *
 * @module
 */

/** True also of a process that we may not signal. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
