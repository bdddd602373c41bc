/**
 * The `seal` option, made ready for the writer: keys read, the record of a checkpoint encoded once.
 *
 * @module
 */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { AuditError } from "../errors.js";
import { encode } from "../record/encode.js";
import { buildTrail } from "../record/stated.js";
import { CHECKPOINT_MARKS } from "../seal/checkpoint.js";
import type { SealSettings } from "../writer/protocol.js";
import type { SealOptions } from "./options.js";
import { logRuntime } from "./runtime.js";
import { type GuardedWitness, guardedWitness, httpWitness } from "./witness.js";

const MIN_KEY_BYTES = 16;
const NEWLINE = 10;
const RETURN = 13;

/** @throws {AuditError} `AUDIT_SEAL_KEY` */
export function sealSettings(
  option: boolean | SealOptions = false,
  layout: { readonly serviceName?: string } = {},
): SealSettings | undefined {
  if (option === false) return undefined;
  const {
    checkpointEvery: { records = 1000, seconds = 60 } = {},
    witness,
    ...keys
  } = option === true ? {} : option;
  return {
    key: keyOf(keys),
    signingKey: signingKeyOf(keys),
    records,
    milliseconds: seconds * 1000,
    witnessFile: typeof witness === "string" ? resolve(witness) : undefined,
    told: witness !== undefined && typeof witness !== "string",
    template: template(layout.serviceName ?? logRuntime().serviceName),
  };
}

/** The witness that lives on this thread, if there is one. */
export function witnessOf(option: boolean | SealOptions = false): GuardedWitness | undefined {
  const witness = typeof option === "object" ? option.witness : undefined;
  if (witness === undefined || typeof witness === "string") return undefined;
  return guardedWitness(typeof witness === "function" ? witness : httpWitness(witness));
}

function keyOf({ key, keyFile }: SealOptions): Uint8Array | undefined {
  if (key !== undefined && keyFile !== undefined)
    throw new AuditError("AUDIT_SEAL_KEY", ["key", "there is a `keyFile` too"]);
  if (key === undefined && keyFile === undefined) return undefined;
  const found =
    keyFile === undefined ? Uint8Array.from(Buffer.from(key!)) : withoutEnd(read("keyFile", keyFile));
  if (found.length >= MIN_KEY_BYTES) return found;
  throw new AuditError("AUDIT_SEAL_KEY", [
    keyFile === undefined ? "key" : "keyFile",
    `it has ${found.length} bytes`,
  ]);
}

/* As an editor or `echo` ends a file. */
function withoutEnd(bytes: Buffer): Uint8Array {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === NEWLINE || bytes[end - 1] === RETURN)) end -= 1;
  const key = Uint8Array.from(bytes.subarray(0, end));
  bytes.fill(0);
  return key;
}

function signingKeyOf({ signingKey }: SealOptions): string | undefined {
  if (signingKey === undefined) return undefined;
  const pem = signingKey.includes("-----BEGIN") ? signingKey : read("signingKey", signingKey).toString();
  let type: string | undefined;
  try {
    type = createPrivateKey(pem).asymmetricKeyType;
  } catch (error) {
    throw new AuditError("AUDIT_SEAL_KEY", ["signingKey", (error as Error).message], { cause: error });
  }
  if (type === "ed25519") return pem;
  throw new AuditError("AUDIT_SEAL_KEY", ["signingKey", `it is a key for ${type}, not for ed25519`]);
}

function read(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AuditError("AUDIT_SEAL_KEY", [option, (error as Error).message], { cause: error });
  }
}

/** A checkpoint's record, with marks for what the writer fills in. */
function template(serviceName: string): string {
  const record = buildTrail(
    { eventType: "CHECKPOINT", details: {} },
    { at: Date.parse(`${CHECKPOINT_MARKS.timestamp.replace(" ", "T")}Z`), context: undefined },
    { recordId: CHECKPOINT_MARKS.recordId, serviceName },
  );
  return encode(record, logRuntime().redactor);
}
