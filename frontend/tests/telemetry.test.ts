import { describe, expect, it } from "vitest";
import type { Unit } from "../src/model";
import { degrees, duration, humidityLevel, warmthLevel } from "../src/telemetry";

const unit = (values: Partial<Unit>) =>
  ({ humidity_percent: null, humidity_index: null, temperature_c: null, ...values }) as Unit;

describe("a unit", () => {
  it.each([
    [{ humidity_percent: 18 }, "dry"],
    [{ humidity_percent: 30 }, "dry"],
    [{ humidity_percent: 31 }, "moderate"],
    [{ humidity_percent: 51 }, "humid"],
    [{ humidity_percent: 20, humidity_index: 1 }, "dry"],
    [{ humidity_index: 5 }, "dry"],
    [{ humidity_index: 4 }, "dry"],
    [{ humidity_index: 3 }, "moderate"],
    [{ humidity_index: 1 }, "humid"],
    [{}, undefined],
  ])("with %j is %s", (values, level) => {
    expect(humidityLevel(unit(values))).toBe(level);
  });

  it.each([
    [{ temperature_c: 24 }, "normal"],
    [{ temperature_c: 36 }, "warm"],
    [{ temperature_c: 46 }, "hot"],
    [{ temperature_c: 65, drying: true }, "normal"],
    [{}, undefined],
  ])("at %j is %s", (values, level) => {
    expect(warmthLevel(unit(values))).toBe(level);
  });
});

it("a duration has hours and minutes", () => {
  expect(duration(125, "en")).toBe("2h 5m");
  expect(duration(120, "en")).toBe("2h");
  expect(duration(5, "en")).toBe("5m");
});

it.each(["en", "pl", "nl"])("a temperature is written alike in %s", (language) => {
  expect(degrees(26.4, language)).toBe("26 °C");
});
