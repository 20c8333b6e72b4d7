import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { licencesOf } from "../licences.mjs";

const ROOT = process.cwd();

describe("the notice file", () => {
  it("holds the licence of each bundled package once", () => {
    const parts = licencesOf(
      [
        "src/entry.ts",
        "node_modules/lit/index.js",
        "node_modules/lit/html.js",
        "node_modules/@lit/reactive-element/reactive-element.js",
      ],
      ROOT,
    );

    expect(parts.map((part) => part.split(" ")[0])).toEqual(["@lit/reactive-element", "lit"]);
    for (const part of parts) {
      expect(part).toContain("BSD 3-Clause License");
      expect(part).toContain("Google LLC");
    }
  });

  it("is empty where only own files are bundled", () => {
    expect(licencesOf(["src/entry.ts"], ROOT)).toEqual([]);
  });

  it("cannot be built with a package that brings no licence", () => {
    const root = mkdtempSync(join(tmpdir(), "licences-"));
    mkdirSync(join(root, "node_modules", "bare"), { recursive: true });
    writeFileSync(join(root, "node_modules", "bare", "package.json"), '{"version": "1.0.0"}');

    expect(() => licencesOf(["node_modules/bare/index.js"], root)).toThrow("bare has no licence");
  });
});
