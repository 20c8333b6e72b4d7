// Writes package-lock.json anew. Which registry the packages came from is left out:
// `npm ci` asks the one of its machine, and checks what it gets against the hashes.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
rmSync(FILE, { force: true });
rmSync("node_modules", { recursive: true, force: true });
execFileSync("npm", ["install", "--package-lock-only"], { stdio: "inherit" });
const lock = JSON.parse(readFileSync(FILE, "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
