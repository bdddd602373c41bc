/**
 * What the server answers. Everything in it comes out of files that anybody may have written to: fields can be of any kind.
 *
 * @module
 */
export interface Row {
  readonly record_id: string | null;
  readonly timestamp: string;
  readonly name: string;
  readonly level: string | null;
  readonly outcome: string | null;
  readonly service_name: string | null;
  readonly user_id: string | null;
  readonly user_name: string | null;
  readonly entity: string | null;
  readonly entity_id: string | null;
  readonly instance_label: string | null;
  readonly what: string | null;
  readonly method: string | null;
  /** Of an SFTP call. */
  readonly operation: string | null;
  readonly place: string | null;
  readonly route: string | null;
  readonly status: number | null;
  readonly execution_time: number | null;
  readonly request_id: string | null;
  readonly message: string | null;
  readonly error_message: string | null;
}

export type Loose = Readonly<Record<string, any>>;

export interface Bar {
  readonly at: number;
  readonly count: number;
  readonly failed: number;
  readonly other: number;
}

export interface Density {
  readonly count: number;
  readonly not_ok: number;
  readonly first: number | null;
  readonly last: number | null;
  readonly step: number;
  readonly bars: readonly Bar[];
}

export interface Choice {
  readonly value: string;
  readonly count: number;
}

export interface Latency {
  readonly type: "internal" | "external";
  readonly method: string | null;
  readonly place: string;
  readonly count: number;
  readonly failed: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface Actor {
  readonly user_id: string;
  readonly user_name: string | null;
  readonly count: number;
  readonly changes: number;
  readonly not_ok: number;
  readonly last: string;
}

export interface Step {
  readonly depth: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly record: Loose;
}

/** What `activity-audit verify` says. */
export interface Integrity {
  readonly status: "intact" | "tampered" | "incomplete";
  readonly findings: readonly {
    readonly kind: string;
    readonly file?: string;
    readonly line?: number;
    readonly message: string;
  }[];
  readonly gaps: readonly string[];
  readonly files: number;
  readonly sealed: number;
  readonly chains: readonly unknown[];
}
