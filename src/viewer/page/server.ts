/**
 * Asks the server, and hears when the trail has grown.
 *
 * @module
 */
import { effect, type Signal, signal } from "@preact/signals";
import { live, problem, version } from "./state.js";

export async function ask<Answer>(path: string, parameters = "", abort?: AbortSignal): Promise<Answer> {
  const response = await fetch(`api/${path}${parameters === "" ? "" : `?${parameters}`}`, {
    signal: abort ?? null,
  });
  const body = (await response.json()) as Answer & { error?: string };
  if (!response.ok) throw new Error(body.error ?? `The server answered ${response.status}.`);
  return body;
}

/**
 * The answer to a question that changes: asked anew when what `parameters` reads has changed, and then the answer
 * before is kept until the new one is there.
 */
export function asking<Answer>(path: string, parameters: () => string | null): Signal<Answer | null> {
  const answer = signal<Answer | null>(null);
  effect(() => {
    const asked = parameters();
    if (asked === null) {
      answer.value = null;
      return;
    }
    const controller = new AbortController();
    ask<Answer>(path, asked, controller.signal).then(
      (found) => {
        answer.value = found;
        problem.value = null;
      },
      (error: Error) => {
        if (!controller.signal.aborted) problem.value = error.message;
      },
    );
    return () => controller.abort();
  });
  return answer;
}

export function hearChanges(): void {
  const source = new EventSource("api/changes");
  source.addEventListener("message", () => {
    if (live.value) version.value += 1;
  });
}
