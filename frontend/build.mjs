// Bundles the cards into the integration's folder. Every page loads `entry.js`, which
// loads the rest, named by content hash, when a card is shown.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { licencesOf } from "./licences.mjs";

const integration = new URL("../custom_components/filament_slots/", import.meta.url);
const folder = new URL("frontend/", integration);
const LIMIT = 60 * 1024;

const translations = new URL("translations/", integration);
const picker = Object.fromEntries(
  readdirSync(translations).map((name) => {
    const texts = JSON.parse(readFileSync(new URL(name, translations), "utf8"));
    return [basename(name, ".json"), texts.config_panel.picker];
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
  // The notice file holds the whole licences, which the comments only name.
  legalComments: "none",
  banner: { js: "/*! Filament Slots (MIT) and others, see licences.txt */" },
  charset: "utf8",
  chunkNames: "[name]-[hash]",
  metafile: true,
  define: { PICKER: JSON.stringify(picker) },
});

const licences = licencesOf(
  Object.keys(metafile.inputs),
  fileURLToPath(new URL(".", import.meta.url)),
);
writeFileSync(new URL("licences.txt", folder), licences.join(`\n${"-".repeat(80)}\n\n`));

let total = 0;
for (const file of Object.keys(metafile.outputs).sort()) {
  const zipped = gzipSync(readFileSync(file), { level: 9 }).length;
  total += zipped;
  console.log(`${basename(file).padEnd(28)} ${statSync(file).size} bytes, ${zipped} gzipped`);
}
console.log(`${"all".padEnd(28)} ${total} bytes gzipped, at most ${LIMIT}`);
if (total > LIMIT) process.exit(1);
