/**
 * A process that logs and ends: `end.mjs CONTENDER HOW COUNT FOLDER`.
 *
 * @module
 */
import { contenders, fileIn } from "../appender/contenders.mjs";
import { logAndEnd } from "./ends.mjs";

const [contender, how, count, folder] = process.argv.slice(2);
const [name, durability] = contender.split(":");
const { MAX_BYTES = "0", SEAL_KEY: key } = process.env;
const options = {
  ...(durability && { durability }),
  ...(key && { seal: { key } }),
  maxBytes: Number(MAX_BYTES),
};
const { write } = await contenders[name](fileIn(folder), name === "logger" ? options : undefined);

// Peers that open their file or thread in the background are given the time; ours loses nothing without.
if (name !== "logger") await new Promise((resolve) => setTimeout(resolve, 300));

logAndEnd(write, how, Number(count));
