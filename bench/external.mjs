/**
 * What recording calls that go out costs: time of the caller's main thread on a CPU a call, calls a second. Ours is
 * whole, with bodies (as far as they are told), context and redaction, to the file.
 *
 * The service and each variant are processes of their own, and all are alive at once; bursts go to the variants in
 * random order.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const WARM_UP = 2000;
const BURST = 500;

const clients = ["axios", "fetch", "http"];
const variants = ["none", "audit", "context", "capture"];

export async function bench({ rounds, report, progress }) {
  const directory = mkdtempSync(join(tmpdir(), "audit-bench-external-"));
  const service = await start("service.mjs", []);
  try {
    for (const client of clients) {
      progress(`${client}: ${rounds} rounds`);
      const callers = new Map();
      for (const variant of variants) {
        const file = join(directory, `${client}-${variant}`);
        callers.set(variant, await start("caller.mjs", [client, variant, String(service.told.port), file]));
      }
      reportCost(client, await bursts(callers, rounds), report);
      for (const { stop } of callers.values()) await stop();
    }
  } finally {
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function start(program, args) {
  const child = fork(new URL(`external/${program}`, import.meta.url), args);
  const answer = () => new Promise((resolve) => child.once("message", resolve));
  return {
    told: await answer(),
    burst(calls) {
      child.send(calls);
      return answer();
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", resolve);
        child.kill("SIGKILL");
      }),
  };
}

/** For each variant, microseconds of main-thread CPU a call and calls a second, one pair a round. */
async function bursts(callers, rounds) {
  const samples = new Map([...callers.keys()].map((variant) => [variant, { cpu: [], rate: [] }]));
  for (const caller of callers.values()) await caller.burst(WARM_UP);
  for (let round = 0; round < rounds; round += 1) {
    for (const [variant, caller] of shuffled([...callers])) {
      const { cpu, seconds } = await caller.burst(BURST);
      samples.get(variant).cpu.push(cpu / 1000 / BURST);
      samples.get(variant).rate.push(BURST / seconds);
    }
  }
  return samples;
}

function reportCost(client, samples, report) {
  const [ours, none] = [samples.get("audit"), samples.get("none")];
  const cpu = (variant) => ratio(samples.get(variant).cpu, none.cpu);
  report({ metric: `${client}_cpu_ratio`, against: "no_audit", value: cpu("audit"), target: 1.1 });
  report({ metric: `${client}_context_cpu_ratio`, against: "no_audit", value: cpu("context") });
  report({ metric: `${client}_capture_cpu_ratio`, against: "no_audit", value: cpu("capture") });
  report({
    metric: `${client}_throughput_ratio`,
    against: "no_audit",
    value: ratio(ours.rate, none.rate),
    better: "higher",
  });
  report({ metric: `${client}_cpu_us`, against: "no_audit", value: median(none.cpu) });
}

/** The median of the ratios of each round: what disturbs a round disturbs both. */
function ratio(ours, theirs) {
  return median(ours.map((value, round) => value / theirs[round]));
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function shuffled(values) {
  return values
    .map((value) => [Math.random(), value])
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);
}
