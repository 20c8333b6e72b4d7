import { describe, expect, it } from "vitest";
import { ago, byDay, dayName, dayOf, daysName, startOf } from "../src/days";

const itself = (at: string) => at;
const now = new Date("2026-11-20T10:00:00Z");

describe("days", () => {
  it("start at midnight in the user's time zone, and keep their order", () => {
    const events = ["2026-11-20T00:30:00Z", "2026-11-19T23:30:00Z", "2026-11-19T12:00:00Z"];
    const days = byDay(events, itself, "Europe/Prague");
    expect(days.map(({ day, entries }) => [day, entries.length])).toEqual([
      ["2026-11-20", 2],
      ["2026-11-19", 1],
    ]);
    expect(byDay(events, itself, "UTC").map(({ day }) => day)).toEqual([
      "2026-11-20",
      "2026-11-19",
    ]);
    expect(byDay([], itself, "UTC")).toEqual([]);
  });

  it("are right across a daylight saving change", () => {
    expect(dayOf("2026-10-24T22:30:00Z", "Europe/Prague")).toBe("2026-10-25");
    expect(dayOf("2026-10-25T22:59:00Z", "Europe/Prague")).toBe("2026-10-25");
    expect(dayOf("2026-10-25T23:01:00Z", "Europe/Prague")).toBe("2026-10-26");
  });

  it.each([
    ["2026-11-20", "en", "Today"],
    ["2026-11-19", "en", "Yesterday"],
    ["2026-11-20", "de", "Heute"],
    ["2026-11-18", "en", "Wednesday, November 18"],
    ["2025-11-18", "de", "Dienstag, 18. November 2025"],
  ])("%s in %s is %s", (day, language, name) => {
    expect(dayName(day, now, "UTC", language)).toBe(name);
  });
});

describe("ages", () => {
  it.each([
    ["2026-11-20T09:59:30Z", "30 seconds ago"],
    ["2026-11-20T09:30:00Z", "30 minutes ago"],
    ["2026-11-20T02:00:00Z", "8 hours ago"],
    ["2026-11-10T10:00:00Z", "10 days ago"],
  ])("%s is %s", (then, age) => {
    expect(ago(then, now, "en")).toBe(age);
  });
});

describe("the beginning of a day", () => {
  it.each([
    ["2026-11-20", "UTC", "2026-11-20T00:00:00.000Z"],
    ["2026-11-20", "Europe/Prague", "2026-11-19T23:00:00.000Z"],
    ["2026-07-01", "America/Los_Angeles", "2026-07-01T07:00:00.000Z"],
    // Days on which the clocks change, in the evening before in UTC too.
    ["2026-03-29", "Europe/Prague", "2026-03-28T23:00:00.000Z"],
    ["2026-10-25", "Europe/Prague", "2026-10-24T22:00:00.000Z"],
    ["2026-11-01", "Pacific/Auckland", "2026-10-31T11:00:00.000Z"],
    // Midnight does not exist there.
    ["2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00.000Z"],
  ])("%s in %s is %s", (day, zone, start) => {
    expect(startOf(day, zone).toISOString()).toBe(start);
    expect(dayOf(startOf(day, zone), zone)).toBe(day);
  });
});

it("consecutive days have one name", () => {
  const name = (first: string, last: string) => daysName(first, last, now, "UTC", "en");
  expect(name("2026-11-16", "2026-11-18")).toMatch(/^November 16\s–\s18$/u);
  expect(name("2026-11-20", "2026-11-20")).toBe("Today");
  expect(name("2025-12-30", "2026-01-02")).toContain("2025");
});
