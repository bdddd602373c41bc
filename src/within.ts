/**
 * Waiting, but not for ever.
 *
 * @module
 */

/**
 * What the work gives, or `otherwise` after this time. Work that is not done then goes on unheard; `late` tells it so.
 * Keeps the process alive for as long.
 */
export async function within<T, Otherwise>(
  timeoutMs: number,
  work: (late: () => boolean) => Promise<T>,
  otherwise: Otherwise,
): Promise<T | Otherwise> {
  let isLate = false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Otherwise>((resolve) => {
    timer = setTimeout(() => {
      isLate = true;
      resolve(otherwise);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(() => isLate), late]);
  } finally {
    isLate = true;
    clearTimeout(timer);
  }
}

/** One limit for several steps: gives how many milliseconds of it are left, 0 when none are. */
export function timeLimit(timeoutMs: number): () => number {
  const end = performance.now() + timeoutMs;
  return () => Math.max(0, end - performance.now());
}
