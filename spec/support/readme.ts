/**
 * Reads the README's code blocks, so that what it shows is what is run.
 */
import { readFileSync } from "node:fs";

export interface Snippet {
  readonly language: string;
  readonly code: string;
  /** Where it begins, for a failure's message. */
  readonly line: number;
}

export function snippets(path: string): Snippet[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    code: match[2]!,
    line: text.slice(0, match.index).split("\n").length,
  }));
}

/** The block whose first line is the comment `// name`. */
export function snippetNamed(path: string, name: string): string {
  const found = snippets(path).find(({ code }) => code.startsWith(`// ${name}\n`));
  if (!found) throw new Error(`${path} has no snippet that begins with "// ${name}"`);
  return found.code;
}
