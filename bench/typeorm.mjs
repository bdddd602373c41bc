/**
 * What row capture on PostgreSQL costs: the same single-row work through TypeORM without audit, with us (capture, record,
 * redaction and file), and with a peer, interleaved in one process, each on a connection of its own.
 *
 * A round trip is a ReadyForQuery of the server on that connection's socket. `synchronous_commit` is off, or the disk would
 * be most of what is measured and hide what we add (`AUDIT_BENCH_DURABLE=1` leaves it on). Needs a server at PGHOST (default
 * 127.0.0.1); makes databases of its own and drops them.
 *
 * @module
 */
import { createRequire } from "node:module";
import "reflect-metadata";
import { installPeer, open, startAudit } from "./typeorm/contenders.mjs";

const require = createRequire(import.meta.url);
const OPERATIONS = Number(process.env.AUDIT_BENCH_OPERATIONS ?? 100);

/** So many operations, one after the other, are a turn. */
const TURN = 25;

/** Single-row work, whatever the way; a peer that hears of entities only would see half of it. */
const works = {
  insert: (items, id) => items.insert({ id, n: id, name: "a name", price: "12.50" }),
  update: (items, id) => items.update({ id }, { n: id + 1 }),
  raw_update: (items, id) => items.query("UPDATE item SET n = n + 1 WHERE id = $1", [id]),
  raw_insert: (items, id) => items.query("INSERT INTO item (id, n) VALUES ($1, $2)", [-1 - id, id]),
  soft_delete: (items, id) => items.softDelete({ id }),
  raw_delete: (items, id) => items.query("DELETE FROM item WHERE id = $1", [-1 - id]),
  delete: (items, id) => items.delete({ id }),
};

/** What a subscriber can see: entities that are saved and removed. */
const entityWorks = {
  save_new: (items, id) => items.save(items.create({ id, n: id, name: "a name", price: "12.50" })),
  save: (items, id) => items.save({ id, n: id + 1 }),
  remove: async (items, id) => items.remove(await items.findOneByOrFail({ id })),
};

export async function bench({ rounds, report, progress }) {
  const running = startAudit();
  let done = 0;
  let records;
  try {
    const own = await compare(require("typeorm"), ["bare", "capture", "ours"], works, rounds, progress);
    done += own.operations;
    tellOwn(report, own.figures);
    done += await againstPeer(report, rounds, progress);
  } finally {
    records = await running.stop();
  }
  if (records !== done) throw new Error(`${records} records were written of ${done} changes.`);
}

async function againstPeer(report, rounds, progress) {
  const peer = installPeer();
  try {
    if (peer.reason) {
      for (const metric of ["throughput_ratio", "main_cpu_ratio"])
        report({ metric, against: "typeorm-auditing", value: null, target: 1, reason: peer.reason });
      return 0;
    }
    // Two copies of TypeORM would share what their decorators were told.
    delete globalThis.typeormMetadataArgsStorage;
    const auditing = peer.require("typeorm-auditing");
    const names = ["bare", "ours", "peer"];
    const all = await compare(peer.require("typeorm"), names, entityWorks, rounds, progress, auditing);
    tellPeer(report, all.figures);
    return all.operations;
  } finally {
    peer.remove();
  }
}

/** Each contender's figures, round by round; and how many changes we were shown. */
async function compare(typeorm, names, list, rounds, progress, peer) {
  const contenders = [];
  try {
    for (const name of names) contenders.push(await open(typeorm, name, name === "peer" ? peer : undefined));
    const figures = Object.fromEntries(names.map((name) => [name, []]));
    let id = 1;
    // The first two rounds warm up: code, caches, plans, and what is learned of tables.
    for (let round = -2; round < rounds; round += 1) {
      const figure = await measure(contenders, list, id);
      id += OPERATIONS;
      if (round >= 0) for (const name of names) figures[name].push(figure[name]);
      progress(`round ${Math.max(0, round + 1)} of ${rounds}`);
    }
    return { figures, operations: (rounds + 2) * OPERATIONS * Object.keys(list).length };
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

/**
 * Time, server time and round trips of the middle operation, CPU of the average one; in microseconds. Contenders take
 * short turns, so that what else the machine does meets all of them; not shorter, or what one leaves to be done
 * afterwards (by the thread that writes, by the garbage collector) would be the next one's.
 */
async function measure(contenders, list, first) {
  const figure = Object.fromEntries(contenders.map(({ name }) => [name, {}]));
  for (const [name, work] of Object.entries(list)) {
    const samples = contenders.map(() => []);
    for (let from = 0; from < OPERATIONS; from += TURN) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const at = (turn + from / TURN) % contenders.length;
        for (let id = from; id < from + TURN; id += 1)
          samples[at].push(await timed(contenders[at], work, first + id));
      }
    }
    for (const [at, contender] of contenders.entries()) figure[contender.name][name] = summed(samples[at]);
  }
  return figure;
}

async function timed({ items, client, serverTime }, work, id) {
  let trips = 0;
  const count = () => void (trips += 1);
  client.connection.on("readyForQuery", count);
  const served = serverTime();
  const cpu = cpuTime();
  const start = process.hrtime.bigint();
  await work(items, id);
  const time = Number(process.hrtime.bigint() - start) / 1000;
  const used = cpuTime() - cpu;
  const server = served === null ? null : (serverTime() - served) / 1000;
  client.connection.off("readyForQuery", count);
  return { time, cpu: used, server, trips };
}

/** Of the main thread, where Node can tell (since 24); else of the process. */
function cpuTime() {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
  return user + system;
}

function summed(samples) {
  const of = (field) => samples.map((sample) => sample[field]);
  const cpu = of("cpu").reduce((sum, one) => sum + one, 0) / samples.length;
  const server = samples[0].server === null ? null : middle(of("server"));
  return { time: middle(of("time")), cpu, server, trips: middle(of("trips")) };
}

function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The ratio of each round, in which both ran one after the other; then the median. */
function ratio(ours, theirs, names, field) {
  const sum = (figure) => names.reduce((total, name) => total + figure[name][field], 0);
  return middle(ours.map((figure, round) => sum(figure) / sum(theirs[round])));
}

function tellOwn(report, { bare, capture, ours }) {
  const names = Object.keys(works);
  const against = "without_us";
  for (const name of names) {
    const added = middle(ours.map((figure, round) => figure[name].trips - bare[round][name].trips));
    report({ metric: `${name}_added_round_trips`, against, value: added, target: 0 });
    const throughput = 1 / ratio(ours, bare, [name], "time");
    report({ metric: `${name}_throughput_ratio`, against, value: throughput, better: "higher" });
  }
  const throughput = 1 / ratio(ours, bare, names, "time");
  report({ metric: "throughput_ratio", against, value: throughput, target: 0.85, better: "higher" });
  const captured = 1 / ratio(capture, bare, names, "time");
  report({ metric: "throughput_ratio_capture_alone", against, value: captured, better: "higher" });
  const perSecond = (figures) =>
    (1e6 * names.length) / middle(figures.map((one) => names.reduce((sum, name) => sum + one[name].time, 0)));
  report({ metric: "operations_a_second_bare", against, value: perSecond(bare), better: "higher" });
  report({ metric: "operations_a_second_ours", against, value: perSecond(ours), better: "higher" });
  report({ metric: "main_cpu_ratio", against, value: ratio(ours, bare, names, "cpu") });
  const cpu = ratio(capture, bare, names, "cpu");
  report({ metric: "main_cpu_ratio_capture_alone", against, value: cpu });
  tellServer(report, ours, bare, names);
}

function tellServer(report, ours, bare, names) {
  const here = bare[0][names[0]].server !== null;
  report({
    metric: "server_cpu_ratio",
    against: "without_us",
    value: here ? ratio(ours, bare, names, "server") : null,
    ...(here ? {} : { reason: "the server's process is not on this machine" }),
  });
}

function tellPeer(report, { bare, ours, peer }) {
  const names = Object.keys(entityWorks);
  const against = "typeorm-auditing";
  for (const [metric, field, better] of [
    ["throughput_ratio", "time", "higher"],
    ["main_cpu_ratio", "cpu", "lower"],
  ]) {
    const value = ratio(ours, peer, names, field);
    report({
      metric,
      against,
      value: better === "higher" ? 1 / value : value,
      target: 1,
      better,
    });
  }
  for (const [name, figures] of [
    ["ours", ours],
    ["peer", peer],
  ]) {
    const added = names.map((work) =>
      middle(figures.map((figure, round) => figure[work].trips - bare[round][work].trips)),
    );
    const value = added.reduce((sum, one) => sum + one, 0) / names.length;
    report({ metric: `entity_added_round_trips_${name}`, against: "without_us", value });
    const throughput = 1 / ratio(figures, bare, names, "time");
    report({
      metric: `entity_throughput_ratio_${name}`,
      against: "without_us",
      value: throughput,
      better: "higher",
    });
  }
}
