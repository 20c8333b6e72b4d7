import { describe, expect, it } from "vitest";
import type { Hass } from "../src/ha";
import { tablesOf, valueText } from "../src/result-table";
import type { Schema } from "../src/schema";

const TEXTS: Record<string, string> = {
  "connection_step.tls": "Encryption",
  "driver.yes": "Yes",
  "driver.no": "No",
};
const hass = {
  locale: { language: "en" },
  localize: (key: string) => TEXTS[key.replace(/.*config_panel./, "")] ?? "",
} as unknown as Hass;

const SCHEMA: Schema = {
  $defs: {
    Step: { properties: { name: { type: "string" }, ok: { title: "Passed", type: "boolean" } } },
    Printer: { properties: { model: { title: "Printer model" } } },
  },
  properties: {
    total_s: { title: "Total time", type: "number" },
    steps: { items: { $ref: "#/$defs/Step" }, title: "Steps", type: "array" },
    printer: { $ref: "#/$defs/Printer" },
  },
};

describe("the table of a result", () => {
  it("has plain values as names and values", () => {
    expect(tablesOf(hass, { total_s: 1.5, other: [1, 2] }, SCHEMA)).toEqual([
      {
        title: "",
        columns: [],
        rows: [
          ["Total time", "1.5"],
          ["Other", "1, 2"],
        ],
        more: 0,
      },
    ]);
  });

  it("has a table for each list of objects, with the columns of all of them", () => {
    expect(
      tablesOf(
        hass,
        {
          steps: [
            { name: "port", ok: true },
            { name: "tls", seconds: 2 },
          ],
        },
        SCHEMA,
      ),
    ).toEqual([
      {
        title: "Steps",
        columns: ["Name", "Passed", "Seconds"],
        rows: [
          ["port", "Yes", "–"],
          ["Encryption", "–", "2"],
        ],
        more: 0,
      },
    ]);
  });

  it("has a table for each object within another", () => {
    expect(tablesOf(hass, { printer: { model: "X1C", units: { a: 1 } } }, SCHEMA)).toEqual([
      { title: "Printer", columns: [], rows: [["Printer model", "X1C"]], more: 0 },
      { title: "Units", columns: [], rows: [["A", "1"]], more: 0 },
    ]);
    expect(tablesOf(hass, {}, SCHEMA)).toEqual([]);
  });
});

describe("a long table", () => {
  it("has its first rows, and how many there are more", () => {
    const messages = Array.from({ length: 1_000 }, (_, index) => ({ index }));
    const [table] = tablesOf(hass, { messages }, {});
    expect(table?.rows).toHaveLength(50);
    expect(table?.more).toBe(950);
  });
});

describe("an error", () => {
  it("is shown as its text, or as its code where it has none", () => {
    const [table] = tablesOf(hass, { steps: [{ error: "their_own" }, { error: null }] }, {});
    expect(table?.rows).toEqual([["their_own"], ["–"]]);
  });
});

describe("a value", () => {
  it.each([
    [null, "–"],
    [undefined, "–"],
    ["", "–"],
    [[], "–"],
    [true, "Yes"],
    [false, "No"],
    [1234.56789, "1,234.568"],
    [["PLA", 2], "PLA, 2"],
    [[{ a: 1 }], '[{"a":1}]'],
    [{ a: 1 }, '{"a":1}'],
    ["<b>", "<b>"],
    ["2026-13-41T00:00:00", "2026-13-41T00:00:00"],
  ])("%j is shown as %s", (value, shown) => {
    expect(valueText(hass, value)).toBe(shown);
  });

  it("is cut where it is too long to read", () => {
    expect(valueText(hass, "x".repeat(1_000_000))).toHaveLength(301);
  });

  it("is a time where it is one", () => {
    expect(valueText(hass, "2026-11-30T12:00:00+00:00")).toMatch(/^Nov 30, 2026, /);
  });
});
