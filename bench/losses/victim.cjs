/**
 * A process that only writes, as fast as it can, until it is killed: `victim.cjs FILE MAX_BYTES [SEAL_KEY]`. It loads
 * nothing but our writer, so that many a second can be started.
 *
 * @module
 */
const { writeSync } = require("node:fs");
const { THREAD_FILE } = require("../../dist/writer/crew.js");
const { openWriter } = require("../../dist/writer/writers.js");

const [path, maxBytes, key] = process.argv.slice(2);
const writer = openWriter(
  {
    path,
    mode: 0o600,
    maxBytes: Number(maxBytes),
    daily: false,
    gzip: false,
    keep: {},
    ringBytes: 1 << 20,
    onFull: "block",
    maxBlockMs: 60_000,
    threadFile: THREAD_FILE,
    ...(key && { seal: require("../../dist/log/seal.js").sealSettings({ key }) }),
  },
  () => "{}",
);
const LONGEST_MS = 60_000;
const text = "v".repeat(1000);
let next = 0;
let told = false;

/** The writer thread takes its time to start: only from its first batch on a kill can fall into a `write`. */
function tell() {
  told = writer.written > 0;
  if (told) writeSync(1, "writing\n");
}

function burst() {
  for (let each = 0; each < 500; each += 1) {
    writer.write(`{"timestamp":"","record_id":"${process.pid}-${next}","text":"${text}"}`, "memory");
    next += 1;
  }
  if (!told) tell();
  // Nobody has killed it, for whatever reason: it must not fill the disk.
  if (performance.now() > LONGEST_MS) process.exit(1);
  setImmediate(burst);
}
burst();
