// The licences of the packages that are bundled, in one text that is delivered with them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGE = /(?:^|.*\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/**
 * The parts of the notice file: each package with its version and its licence.
 *
 * files: the bundled files, as esbuild's metafile names its inputs.
 * root: the folder that `node_modules` is in.
 * Throws for a package that brings no licence: it must not be bundled then.
 */
export function licencesOf(files, root) {
  const names = files.map((file) => PACKAGE.exec(file)?.[1]).filter((name) => name !== undefined);
  return [...new Set(names)].sort().map((name) => notice(name, join(root, "node_modules", name)));
}

function notice(name, folder) {
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}
