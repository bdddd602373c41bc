/**
 * Reads the tables of README and docs, so that they can be held against the code.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./public-api.js";

export interface Table {
  /** The heading that it stands under, without its signs. */
  readonly heading: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

export function tablesOf(page: string): Table[] {
  const tables: Table[] = [];
  let heading = "";
  let block: string[] = [];
  for (const line of [...textOf(page).split("\n"), ""]) {
    if (line.startsWith("|")) {
      block.push(line);
      continue;
    }
    const [head, , ...rows] = block.map(cellsOf);
    if (head) tables.push({ heading, head, rows });
    block = [];
    heading = /^#+ (.*)$/u.exec(line)?.[1] ?? heading;
  }
  return tables;
}

/** The table of a page under this heading, or with this text in its first cell. */
export function tableOf(page: string, title: string): Table {
  const found = tablesOf(page).filter(({ heading, head }) => heading === title || head[0] === title);
  if (found.length !== 1) throw new Error(`${page} has ${found.length} tables of "${title}"`);
  return found[0]!;
}

/** What stands in signs of code: names, without what they are set to. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/gu)].map(([, code]) => code!);
}

/** A bar within a cell is escaped. */
function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/gu, "")
    .split(/(?<!\\)\|/u)
    .map((cell) => cell.trim());
}
