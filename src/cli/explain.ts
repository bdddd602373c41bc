/**
 * `activity-audit explain FILE|-`: what would be written of samples, and what would be hidden, before going live.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import pc from "picocolors";
import { AuditError } from "../errors.js";
import { explain, type Explained } from "../record/explain.js";
import type { RedactionPolicy } from "../record/redactor.js";
import { Output } from "./output.js";
import { tableOf } from "./render/table.js";
import { safe } from "./safe.js";

interface ExplainOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export function explainCommand(program: Command): void {
  program
    .command("explain <file>")
    .description("shows what would be written of samples: a JSON file, one object a line, or - for stdin")
    .option(
      "-c, --config <path>",
      "module or JSON file with the options of audit.start(), or with its `redact` alone",
    )
    .option("--json", "one JSON object a line, for programs")
    .action(async (file: string, options: ExplainOptions) => {
      const out = new Output(options.json === true);
      const policy = options.config === undefined ? {} : await policyIn(options.config);
      const samples = samplesIn(await contentOf(file));
      for (const sample of samples) await show(out, explain(sample, policy));
      await out.flush();
      process.exitCode = samples.length > 0 ? 0 : 1;
    });
}

async function show(out: Output, { line, record, redacted }: Explained): Promise<void> {
  if (out.json) return out.data({ line, redacted });
  for (const text of JSON.stringify(record, null, 2).split("\n")) await out.line(safe(text));
  await out.line("");
  if (redacted.length === 0) await out.line(pc.yellow("Nothing would be hidden."));
  else {
    const rows = redacted.map(({ path, action, because }) => [path, action, because]);
    await out.line(tableOf(["where", "what is done", "because"], rows));
  }
}

async function contentOf(file: string): Promise<string> {
  if (file === "-") return textOf(process.stdin);
  return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new AuditError("AUDIT_TRAIL_MISSING", [file, error.code ?? error.message]);
  });
}

/** One JSON value, whose items are the samples if it is a list; else one a line; a line that is no object is a text. */
function samplesIn(content: string): object[] {
  const whole = parsed(content);
  if (whole !== undefined) return (Array.isArray(whole) ? whole : [whole]).map(asSample);
  const lines = content.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => asSample(parsed(line) ?? line));
}

function asSample(value: unknown): object {
  return typeof value === "object" && value !== null ? value : { value };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The policy in what a module exports, as `default` or by itself: alone, or as `redact` of the options of `audit.start()`. */
async function policyIn(path: string): Promise<RedactionPolicy> {
  const found = await loaded(resolve(path));
  const options = (found["default"] as Record<string, unknown> | undefined) ?? found;
  // A CommonJS module that says `exports.default` is met under its own `default` once more.
  const inner = (options["default"] as Record<string, unknown> | undefined) ?? options;
  // A policy has a `redact` of its own: a list of names.
  const isOptions = "serviceName" in inner || ("redact" in inner && !Array.isArray(inner["redact"]));
  return ((isOptions ? inner["redact"] : inner) ?? {}) as RedactionPolicy;
}

async function loaded(path: string): Promise<Record<string, unknown>> {
  try {
    if (path.endsWith(".json")) return JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AuditError(
      "AUDIT_OPTION_INVALID",
      ["--config", `${path} (${code ?? message})`, "a module or JSON file"],
      {
        cause: error,
      },
    );
  }
}
