/**
 * A trail, put together from its files: chain by chain, and against what is claimed of the chains outside of them.
 *
 * @module
 */
import { parseBackupName } from "../../writer/backup-name.js";
import { Chain, groupBy } from "./chain.js";
import type { Claim } from "./claims.js";
import { type ChainKeys, MAX_EPOCHS } from "./keys.js";
import { LooseLines } from "./loose.js";
import type { FileScan, Finding, OddLine, Run, SeenCheckpoint, VerifiedChain } from "./types.js";

/** What the verifying was asked for. */
export interface Scope {
  /** All files of a directory are there, so that what is missing is missing. */
  readonly whole: boolean;
  /** Files before some time were left out on purpose. */
  readonly since: boolean;
}

export interface Assembled {
  readonly findings: Finding[];
  readonly gaps: string[];
  readonly chains: VerifiedChain[];
}

export function assemble(
  scans: readonly FileScan[],
  claims: readonly Claim[],
  keys: ChainKeys,
  scope: Scope,
): Assembled {
  return new Assembly(scans, claims, keys, scope).result();
}

class Assembly {
  #findings: Finding[] = [];
  readonly #gaps = new Set<string>();
  readonly #order: ReadonlyMap<string, number>;
  readonly #claims: ReadonlyMap<string, readonly Claim[]>;
  readonly #checkpoints: ReadonlyMap<string, readonly SeenCheckpoint[]>;
  /** How far each chain was deleted on purpose. */
  readonly #retired = new Map<string, number>();
  /** When the newest backup of each log was rotated that was deleted on purpose. */
  readonly #retiredUntil = new Map<string, number>();

  constructor(
    private readonly scans: readonly FileScan[],
    claims: readonly Claim[],
    private readonly keys: ChainKeys,
    private readonly scope: Scope,
  ) {
    this.#order = new Map(scans.map(({ path }, index) => [path, index]));
    this.#claims = groupBy(claims, ({ chain }) => chain);
    this.#checkpoints = groupBy(
      scans.flatMap(({ checkpoints }) => checkpoints),
      ({ chain }) => chain,
    );
    for (const { file, chains } of scans.flatMap(({ retired }) => retired)) {
      for (const { chain, to } of chains)
        this.#retired.set(chain, Math.max(to, this.#retired.get(chain) ?? -1));
      const { log, stamp } = parseBackupName(file) ?? { log: "", stamp: "" };
      this.#retiredUntil.set(log, Math.max(timeOfStamp(stamp), this.#retiredUntil.get(log) ?? 0));
    }
  }

  result(): Assembled {
    const runs = groupBy(
      this.scans.flatMap((scan) => scan.runs),
      ({ chain }) => chain,
    );
    const orphans = [...runs].filter(([, [run, more]]) => !more && this.#isOrphan(run!));
    for (const [chain] of orphans) runs.delete(chain);
    const loose = new LooseLines(
      this.scans,
      orphans.map(([, [run]]) => oddOf(run!)),
    );
    const odd = groupBy(
      this.scans.flatMap((scan) => scan.odd),
      (line) => line.chain,
    );
    const glued = new Set(this.scans.flatMap((scan) => scan.glued));
    const chains = [...runs].map(([name, own]) => {
      const around = {
        order: (file: string) => this.#order.get(file)!,
        takeOdd: loose.take.bind(loose),
        odd: odd.get(name) ?? [],
        mayBegin: (seq: number) => this.#mayBegin(name, seq),
        glued,
      };
      const chain = new Chain(name, own, around, this.keys);
      chain.join();
      this.#ended(chain, loose);
      return chain;
    });
    this.#forged();
    this.#absent(runs);
    this.#inserted(loose);
    // Not by `push(…)`, which takes some 100,000 arguments: all lines of a trail can be wrong.
    this.#findings = [...this.#findings, ...chains.flatMap(({ findings }) => findings)];
    this.#keysOf(chains);
    return {
      findings: this.#findings.toSorted(
        (a, b) => this.#place(a) - this.#place(b) || (a.line ?? 0) - (b.line ?? 0),
      ),
      gaps: [...this.#gaps],
      chains: chains.map((chain) => this.#described(chain)),
    };
  }

  #place({ file }: Finding): number {
    return file === undefined ? Infinity : (this.#order.get(file) ?? Infinity);
  }

  /* One line of a chain that nothing else tells of: its chain's name was changed, or it was made up. */
  #isOrphan({ chain, from, to }: Run): boolean {
    return from === to && from > 0 && !this.#claims.has(chain) && !this.#checkpoints.has(chain);
  }

  #mayBegin(chain: string, seq: number): boolean {
    if (this.scope.since || (this.#retired.get(chain) ?? -1) >= seq - 1) return true;
    if (!this.scope.whole) this.#gaps.add("chains begin before the files that were given");
    return !this.scope.whole;
  }

  /** Whether the chain goes as far as somebody has seen it, and as it was seen. */
  #ended(chain: Chain, loose: LooseLines): void {
    const { end } = chain;
    const claims = this.#claims.get(chain.name) ?? [];
    const farthest = claims.toSorted((a, b) => b.seq - a.seq)[0];
    const known = new Map(chain.runs.map((run) => [run.to, { hash: run.head, place: run.last }]));
    for (const seen of this.#checkpoints.get(chain.name) ?? [])
      known.set(seen.seq, { hash: seen.hash, place: seen });
    for (const { seq, hash, by } of claims) {
      const found = known.get(seq);
      if (!found || found.hash === hash) continue;
      const message = `is not the line ${seq} that ${by} has seen`;
      this.#found("forged-checkpoint", chain.name, seq, 1, message, found.place);
      return;
    }
    if (!end || !farthest || this.scope.since) return;
    let edited = end.to;
    for (const { odd } of this.scans) {
      for (const line of odd) if (line.chain === chain.name) edited = Math.max(edited, line.seq!);
    }
    let missing = farthest.seq - edited;
    for (; missing > 0; missing -= 1) {
      const odd = loose.take(end.last, undefined, false);
      if (!odd) break;
      this.#found("edited", chain.name, farthest.seq - missing + 1, 1, "has lost its seal", odd);
    }
    if (missing <= 0) return;
    const lost = farthest.file > (end.fileNumber ?? 0);
    const what = `${missing} lines, and maybe more, are missing after this one: ${farthest.by} has seen line ${farthest.seq}`;
    if (!this.scope.whole && lost) this.#gaps.add("chains end after the files that were given");
    else this.#found(lost ? "missing-file" : "truncated", chain.name, edited + 1, missing, what, end.last);
  }

  /* Checkpoints whose line fits, and whose words do not. */
  #forged(): void {
    for (const seen of [...this.#checkpoints.values()].flat()) {
      if (seen.wrong !== undefined)
        this.#found("forged-checkpoint", seen.chain, seen.seq, 1, seen.wrong, seen);
    }
  }

  /* Chains that somebody has seen, and of which no line is there. */
  #absent(runs: ReadonlyMap<string, readonly Run[]>): void {
    if (!this.scope.whole || this.scope.since) return;
    for (const [chain, claims] of this.#claims) {
      if (runs.has(chain)) continue;
      const { seq, log, by } = claims.toSorted((a, b) => b.seq - a.seq)[0]!;
      if ((this.#retired.get(chain) ?? -1) >= seq || this.#wasRetired(claims, seq, log)) continue;
      const message = `all of a chain in ${log} is missing, ${seq + 1} lines or more, which ${by} has seen`;
      this.#found("missing-file", chain, 0, seq + 1, message);
    }
  }

  /* A line that was there when a backup was rotated stood in it, or in one before; and the oldest are deleted first. That
     one of them was deleted, the trail says; that those before it were, it may have said in one of them. */
  #wasRetired(claims: readonly Claim[], seq: number, log: string): boolean {
    const at = Math.min(...claims.filter((claim) => claim.seq === seq).map((claim) => claim.at));
    return at <= (this.#retiredUntil.get(log) ?? 0);
  }

  #inserted(loose: LooseLines): void {
    const sealed = new Map(this.scans.map((scan) => [scan.path, scan.sealed > 0]));
    for (const line of loose.left()) {
      if (!sealed.get(line.file)) this.#gaps.add(`${line.file} is not sealed`);
      else if (line.offset < this.#unsealedIn(line.file))
        this.#gaps.add(`${line.file} was not sealed at first`);
      else this.#found("inserted", null, null, 1, "bears no seal of a chain", line);
    }
  }

  #unsealedIn(file: string): number {
    const { checkpoints } = this.scans[this.#order.get(file)!]!;
    return checkpoints.reduce((most, { unsealedBefore }) => Math.max(most, unsealedBefore), 0);
  }

  #keysOf(chains: readonly Chain[]): void {
    const checkpoints = [...this.#checkpoints.values()].flat();
    const ids = new Set(checkpoints.map(({ keyId }) => keyId));
    if (checkpoints.some(({ keyId, epoch }) => keyId !== null && epoch >= MAX_EPOCHS))
      this.#gaps.add(`a chain counts ${MAX_EPOCHS} keys or more, which are not followed`);
    if (this.keys.id !== null && ids.has(null)) this.#gaps.add("chains were made without a key");
    for (const id of ids) {
      if (this.keys.canCheck(id)) continue;
      this.#gaps.add(
        this.keys.id === null
          ? `chains were made with a key (${id}), and none was given`
          : `chains were made with another key (${id})`,
      );
    }
    if (chains.length === 0) this.#gaps.add("no line is sealed");
  }

  #described({ name, runs, end }: Chain): VerifiedChain {
    const checkpoints = this.#checkpoints.get(name) ?? [];
    const last = checkpoints.toSorted((a, b) => b.seq - a.seq)[0];
    const to = end?.to ?? 0;
    const crashed = (this.#claims.get(name) ?? []).some((claim) => claim.crashed);
    const stopped = last?.reason === "stop" && last.seq === to;
    const scan = this.scans[this.#order.get(runs[0]!.first.file)!]!;
    return {
      chain: name,
      log: scan.log,
      from: runs[0]!.from,
      to,
      ended: stopped ? "stopped" : crashed ? "crashed" : "open",
      since_checkpoint: last ? Math.max(to - last.seq, 0) : to + 1,
    };
  }

  #found(
    kind: Finding["kind"],
    chain: string | null,
    seq: number | null,
    count: number,
    message: string,
    at?: { readonly file: string; readonly line: number; readonly offset: number },
  ): void {
    const place = at && { file: at.file, line: at.line, offset: at.offset };
    this.#findings.push({ kind, ...place, chain, seq, count, message });
  }
}

/* `20261124T084100.123Z` */
function timeOfStamp(stamp: string): number {
  return Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/u, "$1-$2-$3T$4:$5:")) || 0;
}

function oddOf({ first, chain, from, head }: Run): OddLine {
  return { ...first, chain, seq: from, hashes: [head], why: "unsealed", isCheckpoint: false };
}
