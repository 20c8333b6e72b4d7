import { describe, expect, it } from "vitest";
import { WINDOW } from "../src/driver-feed";
import { gainsOf, pointsOf, STEP, valuesOf } from "../src/sparkline";

const NOW = 1_000_000;
const sample = (secondsAgo: number, messages: number | null) => ({
  at: NOW - secondsAgo * 1_000,
  counters: { messages },
});

describe("a sparkline", () => {
  it("has a value for each step, and none before the first sample", () => {
    const values = valuesOf([sample(12, 5), sample(5, 7)], "messages", NOW);
    expect(values).toHaveLength(WINDOW / STEP + 1);
    expect(values.slice(-5)).toEqual([undefined, 5, 5, 7, 7]);
    expect(valuesOf([], "messages", NOW).every((value) => value === undefined)).toBe(true);
  });

  it("begins with the value from before its time", () => {
    expect(valuesOf([sample(3_600, 5)], "messages", NOW)[0]).toBe(5);
  });

  it("keeps the last value where a sample has none", () => {
    const samples = [sample(9, 5), sample(1, null)];
    expect(valuesOf(samples, "messages", NOW).at(-1)).toBe(5);
    expect(valuesOf(samples, "bytes", NOW).at(-1)).toBeUndefined();
  });

  it("shows what a counter gained, and nothing lost when it starts at zero again", () => {
    expect(gainsOf([undefined, 5, 5, 9, 2, 3])).toEqual([undefined, 0, 4, 0, 1]);
  });

  it("runs from the bottom at zero to the top at the largest value", () => {
    expect(pointsOf([0, 2, 4])).toBe("0,23 50,12 100,1");
    expect(pointsOf([undefined, 0, 0])).toBe("50,23 100,23");
    expect(pointsOf([])).toBe("");
  });
});
