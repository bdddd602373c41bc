/**
 * What recording requests costs: time of the server's main thread on a CPU a request, requests a second, both again and
 * latency at half load, memory. Ours is whole, with bodies, context and redaction, to the file; the peers log no bodies.
 *
 * Each variant is a process of its own, and all are alive at once; bursts go to them in random order. So the
 * server without audit does not pay for the AsyncLocalStorage of the others.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryOver } from "./http/memory.mjs";
import { startServers } from "./http/servers.mjs";

const WARM_UP = 3000;
const BURST = 800;
/** A longer run: AUDIT_BENCH_REQUESTS=1000000. */
const MEMORY_REQUESTS = Number(process.env.AUDIT_BENCH_REQUESTS ?? 60_000);

const newer = Number(process.versions.node.split(".")[0]) >= 24;
const frameworks = [
  {
    framework: "express",
    peers: ["context", "capture", "pino-http", "morgan", "express-winston"],
    target: newer ? 1.15 : 1.1,
  },
  { framework: "fastify", peers: ["context", "capture", "pino-http"], target: newer ? 1.2 : 1.25 },
];

export async function bench({ rounds, report, progress }) {
  const directory = mkdtempSync(join(tmpdir(), "audit-bench-http-"));
  try {
    for (const { framework, peers, target } of frameworks) {
      progress(`${framework}: CPU and throughput, ${rounds} rounds`);
      const servers = await startServers(framework, ["none", "audit", ...peers], directory);
      const samples = await bursts(servers, rounds);
      reportCost(framework, samples, target, report);
      progress(`${framework}: CPU and latency at half load`);
      await reportHalfLoad(framework, servers, samples, rounds, target, report);
      if (framework === "express") {
        progress(`${framework}: memory over ${MEMORY_REQUESTS} requests`);
        await reportMemory(servers.get("audit"), report);
      }
      for (const { stop } of servers.values()) await stop();
      progress(`${framework}: in one process, without sockets`);
      reportInProcess(framework, directory, report);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** For each variant, microseconds of main-thread CPU a request and requests a second, one pair a round. */
async function bursts(servers, rounds) {
  const samples = new Map([...servers.keys()].map((variant) => [variant, { cpu: [], rate: [] }]));
  for (const { connections } of servers.values()) await connections.burst(WARM_UP);
  for (let round = 0; round < rounds; round += 1) {
    for (const [variant, server] of shuffled([...servers])) {
      const before = await server.usage();
      const start = performance.now();
      await server.connections.burst(BURST);
      const seconds = (performance.now() - start) / 1000;
      const { cpu } = await server.usage();
      samples.get(variant).cpu.push((cpu - before.cpu) / 1000 / BURST);
      samples.get(variant).rate.push(BURST / seconds);
    }
  }
  return samples;
}

function reportCost(framework, samples, target, report) {
  const ours = samples.get("audit");
  for (const [variant, theirs] of samples) {
    if (variant === "audit") continue;
    const against = nameOf(variant);
    const limit = { none: target, "pino-http": 1 }[variant] ?? null;
    report({ metric: `${framework}_cpu_ratio`, against, value: ratio(ours.cpu, theirs.cpu), target: limit });
    const rate = ratio(ours.rate, theirs.rate);
    report({ metric: `${framework}_throughput_ratio`, against, value: rate, better: "higher" });
  }
  report({ metric: `${framework}_cpu_us`, against: "no_audit", value: median(samples.get("none").cpu) });
  report({
    metric: `${framework}_requests_per_second`,
    against: "audit",
    value: median(ours.rate),
    better: "higher",
  });
}

/**
 * At half of what the server can do with us, the same rate for all: CPU a request, and how much later the slowest of a
 * hundred come. In bursts a fast server keeps its client busy, and a slower one has to wake it for each answer; here all do.
 */
async function reportHalfLoad(framework, servers, samples, rounds, target, report) {
  const rate = median(samples.get("audit").rate) / 2;
  const found = new Map([...servers.keys()].map((variant) => [variant, { cpu: [], p99: [] }]));
  for (let round = 0; round < Math.min(rounds, 7); round += 1) {
    for (const [variant, server] of shuffled([...servers])) {
      const before = await server.usage();
      const latencies = await server.connections.steady(rate, 1);
      const { cpu } = await server.usage();
      found.get(variant).cpu.push((cpu - before.cpu) / 1000 / latencies.length);
      found.get(variant).p99.push(percentile(latencies, 0.99));
    }
  }
  const ours = found.get("audit");
  for (const [variant, theirs] of found) {
    if (variant === "audit") continue;
    report({
      metric: `${framework}_cpu_ratio_at_half_load`,
      against: nameOf(variant),
      value: ratio(ours.cpu, theirs.cpu),
      target: { none: target, "pino-http": 1 }[variant] ?? null,
    });
  }
  const none = found.get("none");
  report({ metric: `${framework}_cpu_us_at_half_load`, against: "no_audit", value: median(none.cpu) });
  const added = ours.p99.map((value, round) => value - none.p99[round]);
  report({ metric: `${framework}_p99_added_ms`, against: "no_audit", value: median(added), target: 0.2 });
}

function nameOf(variant) {
  return variant === "none" ? "no_audit" : variant.replace("-", "_");
}

/** Microseconds a request, the fastest of three processes each. */
function reportInProcess(framework, directory, report) {
  const program = fileURLToPath(new URL("http/in-process.mjs", import.meta.url));
  for (const variant of ["none", "capture", "audit"]) {
    const runs = Array.from({ length: 3 }, (_, run) => {
      const args = [
        program,
        framework,
        variant,
        join(directory, `in-process-${framework}-${variant}-${run}`),
      ];
      return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })).us;
    });
    report({ metric: `${framework}_in_process_us`, against: variant, value: Math.min(...runs) });
  }
}

async function reportMemory(server, report) {
  const [early, late] = await memoryOver(server, MEMORY_REQUESTS);
  report({
    metric: "express_memory_ratio",
    against: "a_fifth_of_the_requests",
    value: late / early,
    target: 1.1,
  });
}

/** The median of the ratios of each round: what disturbs a round disturbs both. */
function ratio(ours, theirs) {
  return median(ours.map((value, round) => value / theirs[round]));
}

function median(values) {
  return percentile(values, 0.5);
}

function percentile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function shuffled(values) {
  return values
    .map((value) => [Math.random(), value])
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);
}
