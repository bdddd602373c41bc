/**
 * Bundles the viewer's page into `dist/viewer/page`, so that users have nothing to build.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const target = new URL("../../../dist/viewer/page/", here);

await mkdir(target, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL("main.tsx", here))],
  outfile: fileURLToPath(new URL("page.js", target)),
  bundle: true,
  minify: true,
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) await copyFile(new URL(name, here), new URL(name, target));
