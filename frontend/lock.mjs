// Regenerates package-lock.json, without the addresses of the registry: `npm ci` uses
// the registry configured on its machine and verifies the packages by their hashes.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
rmSync(FILE, { force: true });
rmSync("node_modules", { recursive: true, force: true });
execFileSync("npm", ["install", "--package-lock-only"], { stdio: "inherit" });
const lock = JSON.parse(readFileSync(FILE, "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
