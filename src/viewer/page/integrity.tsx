/**
 * Whether the trail stands as it was written. Asked for by hand: to verify reads all files.
 *
 * @module
 */
import { signal } from "@preact/signals";
import { ask } from "./server.js";
import { problem } from "./state.js";
import { count } from "./text.js";
import type { Integrity as Answer } from "./types.js";

const SHOWN = 50;
const WORDS = {
  intact: "Intact: the trail stands as it was written.",
  tampered: "Tampered with.",
  incomplete: "Nothing was found, but not all could be verified.",
} as const;
const OUTCOMES = { intact: "success", tampered: "failure", incomplete: "unknown" } as const;

const answer = signal<Answer | null>(null);
const isAsking = signal(false);

export function Integrity() {
  return (
    <section aria-label="Integrity">
      <h3>Integrity</h3>
      <button type="button" disabled={isAsking.value} onClick={() => void verify()}>
        {isAsking.value ? "Verifying …" : "Verify"}
      </button>
      <div aria-live="polite">{answer.value && <Said of={answer.value} />}</div>
    </section>
  );
}

function Said({ of: { status, findings, gaps, files, sealed, chains } }: { of: Answer }) {
  return (
    <>
      <p class={`outcome ${OUTCOMES[status]}`}>{WORDS[status]}</p>
      <p class="summary">
        {count(sealed)} sealed lines of {count(chains.length)} chains in {count(files)} files
      </p>
      <ul>
        {findings.slice(0, SHOWN).map(({ kind, file, line, message }, index) => (
          <li key={index}>
            <span class="outcome failure">{kind}</span> {file === undefined ? "" : `${file}:${line} `}
            {message}
          </li>
        ))}
        {gaps.slice(0, SHOWN).map((gap) => (
          <li key={gap}>{gap}</li>
        ))}
      </ul>
    </>
  );
}

async function verify(): Promise<void> {
  isAsking.value = true;
  try {
    answer.value = await ask<Answer>("integrity");
  } catch (error) {
    problem.value = (error as Error).message;
  } finally {
    isAsking.value = false;
  }
}
