// Bundles the cards into the integration's folder. Every page loads `entry.js`, which
// loads the rest, named by content hash, when a card is shown.

import { readFileSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const integration = new URL("../custom_components/filament_slots/", import.meta.url);
const folder = new URL("frontend/", integration);
const LIMIT = 60 * 1024;

const picker = Object.fromEntries(
  ["en", "de"].map((language) => {
    const file = new URL(`translations/${language}.json`, integration);
    return [language, JSON.parse(readFileSync(file, "utf8")).config_panel.picker];
  }),
);

rmSync(folder, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ["src/entry.ts"],
  outdir: folder.pathname,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  chunkNames: "[name]-[hash]",
  metafile: true,
  define: { PICKER: JSON.stringify(picker) },
});

let total = 0;
for (const file of Object.keys(metafile.outputs).sort()) {
  const zipped = gzipSync(readFileSync(file), { level: 9 }).length;
  total += zipped;
  console.log(`${basename(file).padEnd(28)} ${statSync(file).size} bytes, ${zipped} gzipped`);
}
console.log(`${"all".padEnd(28)} ${total} bytes gzipped, at most ${LIMIT}`);
if (total > LIMIT) process.exit(1);
