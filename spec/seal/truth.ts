/**
 * Checks sealed files by the words of `docs/sealing.md`, with none of our code.
 *
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export interface SealedLine {
  readonly text: string;
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  readonly file: string;
  readonly record: Record<string, any>;
}

/** Every line of every log file in a folder, sealed or not. */
export function linesIn(folder: string): { readonly file: string; readonly text: string }[] {
  return readdirSync(folder)
    .filter((file) => /\.log(\.gz)?$/u.test(file))
    .flatMap((file) => {
      const bytes = readFileSync(join(folder, file));
      const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => ({ file, text: line }));
    });
}

export function sealedIn(folder: string): SealedLine[] {
  return linesIn(folder).flatMap(({ file, text }) => {
    const found = /,?"chain":"([0-9a-f]{16})","seq":(\d+),"hash":"([0-9a-f]{64})"\}$/u.exec(text);
    if (!found) return [];
    const [, chain, seq, hash] = found;
    return [{ text, chain: chain!, seq: Number(seq), hash: hash!, file, record: JSON.parse(text) }];
  });
}

/** What is wrong with the chains in a folder: nothing, if every line follows from the one before. */
export function faultsOfChains(folder: string, key?: string): string[] {
  const chains = new Map<string, SealedLine[]>();
  for (const line of sealedIn(folder)) {
    const lines = chains.get(line.chain);
    if (lines) lines.push(line);
    else chains.set(line.chain, [line]);
  }
  return [...chains].flatMap(([chain, lines]) =>
    faultsOfChain(
      chain,
      lines.toSorted((a, b) => a.seq - b.seq),
      key,
    ),
  );
}

function faultsOfChain(chain: string, lines: readonly SealedLine[], key?: string): string[] {
  const faults: string[] = [];
  let epochKey = key && createHmac("sha256", key).update(`activity-audit seal 1 ${chain}`).digest();
  let previous = "0".repeat(64);
  lines.forEach((line, index) => {
    const hashed = previous + line.text.slice(0, line.text.lastIndexOf(',"hash":'));
    const hash = epochKey
      ? createHmac("sha256", epochKey).update(hashed)
      : createHash("sha256").update(hashed);
    if (line.seq !== index) faults.push(`${chain}: ${line.seq} stands at ${index} (${line.file})`);
    else if (hash.digest("hex") !== line.hash)
      faults.push(`${chain}: ${line.seq} does not follow (${line.file})`);
    if (line.record.event_type === "CHECKPOINT" && epochKey) {
      epochKey = createHash("sha256").update("activity-audit ratchet").update(epochKey).digest();
    }
    previous = line.hash;
  });
  return faults;
}
