/**
 * A process of the user nobody whose rights change: `unprivileged.js FOLDER HOW:DURABILITY`. It is started by root,
 * who may do everything, and prints what it found as JSON.
 */
import { chmodSync, chownSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Durability } from "#dist/writer/protocol";
import { flush, openWriter } from "#dist/writer/writers";
import { until } from "../../support/until.js";
import { linesOf, settings, untilFailing } from "../support.js";

const NOBODY = 65_534;
const [folder = "", how = ""] = process.argv.slice(2);
const [what = "", durability] = how.split(":") as [string, Durability];
const path = join(folder, "a.log");
const writer = openWriter(settings(folder, { maxBytes: what === "no-rotation" ? 2000 : 0 }), () => "gap");

/** All code is loaded, and the thread runs, before the process gives up its rights. */
async function becomeNobody(): Promise<void> {
  writer.write("0", "memory");
  await flush();
  for (const each of [folder, path]) chownSync(each, NOBODY, NOBODY);
  process.setgid!(NOBODY);
  process.setuid!(NOBODY);
}

async function put(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) writer.write("x".repeat(99), durability);
  await flush();
}

const files = (): number => readdirSync(folder).filter((name) => name.startsWith("a")).length;

function health(): Record<string, unknown> {
  const { state, dropped } = writer.health();
  return { state, dropped };
}

const cases: Record<string, () => Promise<unknown>> = {
  async "no-rotation"() {
    chmodSync(folder, 0o555);
    await put(59);
    // What the thread tells comes by message, and may come after its lines.
    await until(() => writer.health().rotations_failed > 0);
    const { rotations_failed: failed, last_error: error } = writer.health();
    const refused = { lines: linesOf(folder, "a").length, files: files(), ...health(), error };
    chmodSync(folder, 0o700);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await put(30);
    return {
      refused: { ...refused, told: failed > 0 },
      allowed: { lines: linesOf(folder, "a").length, rotated: files() > 1, ...health() },
    };
  },
  async "no-search"() {
    await put(1);
    chmodSync(folder, 0);
    await put(1);
    chmodSync(folder, 0o700);
    return { lines: linesOf(folder, "a").length, ...health() };
  },
  async "no-open"() {
    renameSync(path, join(folder, "moved"));
    chmodSync(folder, 0o555);
    writer.write("1", durability);
    await untilFailing(writer);
    writer.write("2", durability);
    const error = writer.health().last_error;
    chmodSync(folder, 0o700);
    await flush();
    return { error, lines: linesOf(folder, "a"), ...health() };
  },
};

void becomeNobody()
  .then(cases[what])
  .then((result) => process.stdout.write(JSON.stringify(result)));
