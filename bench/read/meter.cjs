/**
 * Preloaded into a process that is measured: at its end, tells what it read by `read` calls of any kind (which files that are
 * mapped into memory are not) and its peak memory.
 */
const { readFileSync, writeFileSync } = require("node:fs");

process.on("exit", () => {
  const [, read] = /^rchar: (\d+)$/mu.exec(readFileSync("/proc/self/io", "utf8"));
  const { maxRSS } = process.resourceUsage();
  writeFileSync(process.env.METER, JSON.stringify({ read: Number(read), memory: maxRSS * 1024 }));
});
