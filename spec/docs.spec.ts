/**
 * What README and docs show compiles against the package, and where they lead there is something.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { pages as documents, textOf as read } from "./support/pages.js";
import { publicApi, root } from "./support/public-api.js";
import { snippets } from "./support/readme.js";
import { exampleModule, GLOBALS, moduleOf } from "./support/snippets.js";

const pages = [...documents, "CHANGELOG.md", "bench/README.md"];

describe("README and docs", () => {
  it("show TypeScript that compiles against the package, as do docstrings", async () => {
    const directory = mkdtempSync(join(root, "build", "snippets-"));
    try {
      const found = pages.flatMap((page) =>
        snippets(join(root, page))
          .filter(({ language }) => language === "ts")
          .map((snippet) => ({ page, ...snippet })),
      );
      assert.ok(found.length > 25, `${found.length} snippets`);
      const examples = (await publicApi())
        .flatMap(({ name, examples: texts }) =>
          texts.map((text) => ({ name, code: exampleModule(name, text) })),
        )
        .map(({ name, code }, index) => ({ name: `docstring-${index}-of-${name}.ts`, code }));
      assert.ok(examples.length > 50, `${examples.length} examples`);
      for (const { name, code } of examples) writeFileSync(join(directory, name), code);
      for (const { page, code, line } of found) {
        const name = `${page.replaceAll("/", "-").replace(".md", "")}-line-${line}.ts`;
        writeFileSync(join(directory, name), moduleOf(code));
      }
      writeFileSync(join(directory, "globals.d.ts"), GLOBALS);
      writeFileSync(join(directory, "absent.d.ts"), 'declare module "@aws-sdk/client-s3";\n');
      writeFileSync(
        join(directory, "tsconfig.json"),
        JSON.stringify({
          extends: "../../spec/tsconfig.json",
          compilerOptions: { noEmit: true, noUnusedLocals: false, noUnusedParameters: false, rootDir: "." },
          include: ["."],
        }),
      );
      execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", directory], {
        cwd: root,
        stdio: "inherit",
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("link to files and headings that there are", () => {
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/gu)) {
        const [path, heading] = target!.split("#") as [string, string?];
        const file = path === "" ? page : join(dirname(page), path);
        assert.ok(existsSync(join(root, file)), `${page} leads to ${target}`);
        if (heading === undefined) continue;
        const headings = [...read(file).matchAll(/^#+ (.+)$/gmu)].map(([, text]) => anchorOf(text!));
        assert.ok(headings.includes(heading), `${page} leads to ${target}; there are ${headings.join(" ")}`);
      }
    }
  });

  it("each have a place in the README's list", () => {
    const readme = read("README.md");
    for (const page of pages.filter((name) => name.startsWith("docs/"))) {
      assert.ok(readme.includes(`(${page})`), `README.md leads to ${basename(page)}`);
    }
  });
});

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/gu, "")
    .replaceAll(/\s/gu, "-");
}
