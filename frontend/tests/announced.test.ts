import { describe, expect, it } from "vitest";
import { announcedFor, announcedText, fateOf, untilChange } from "../src/announced";
import type { Hass } from "../src/ha";
import type { Announced, Printer } from "../src/model";

const MINUTE = 60_000;
const NOON = Date.parse("2026-11-01T12:00:00Z");
const waiting: Announced = {
  printer_id: 1,
  external_id: "spoolman:12",
  label: "Galaxy black",
  until: "2026-11-01T12:05:00Z",
  taken_at: null,
  taken_by: null,
  taken_in: null,
};
const taken = { ...waiting, taken_at: "2026-11-01T12:01:00Z", taken_by: 2, taken_in: "A3" };
const printer = (printer_id: number, ...announced: Announced[]) =>
  ({ printer_id, device_id: null, name: `Printer ${printer_id}`, announced }) as unknown as Printer;
const hass = {
  locale: { language: "en", time_zone: "server" },
  config: { time_zone: "UTC" },
  devices: {},
  localize: (key: string, values: object) =>
    `${key.split(".").at(-1)} ${Object.values(values).join(" ")}`,
} as unknown as Hass;

describe("an announced spool", () => {
  it("is waited for until its time is over, and then has expired for a while", () => {
    expect(fateOf(waiting, NOON)).toBe("waiting");
    expect(fateOf(waiting, NOON + 5 * MINUTE)).toBe("expired");
    expect(fateOf(waiting, NOON + 15 * MINUTE)).toBeUndefined();
  });

  it("is shown as taken for a while, even when its time is over", () => {
    expect(fateOf(taken, NOON + MINUTE)).toBe("taken");
    expect(fateOf(taken, NOON + 10 * MINUTE)).toBe("taken");
    expect(fateOf(taken, NOON + 11 * MINUTE)).toBeUndefined();
  });

  it("belongs to its printer, or to any", () => {
    const anywhere = { ...waiting, printer_id: null };
    const printers = [printer(1, waiting, anywhere), printer(2, anywhere)];
    expect(announcedFor(printers, 1)).toBe(waiting);
    expect(announcedFor(printers, 2)).toBeUndefined();
    expect(announcedFor(printers, null)).toBe(anywhere);
  });

  it("changes at its end, and when its outcome is shown no longer", () => {
    expect(untilChange([printer(1, waiting)], NOON)).toBe(5 * MINUTE);
    expect(untilChange([printer(1, waiting)], NOON + 5 * MINUTE)).toBe(10 * MINUTE);
    expect(untilChange([printer(1, taken)], NOON + MINUTE)).toBe(10 * MINUTE);
    expect(untilChange([printer(1, taken)], NOON + 11 * MINUTE)).toBeUndefined();
    expect(untilChange([printer(1)], NOON)).toBeUndefined();
  });

  it("states until when it is expected, what took it, or that nothing did", () => {
    const printers = [printer(1), printer(2)];
    const shown = (announced: Announced, fate: "waiting" | "taken" | "expired") =>
      announcedText(hass, printers, announced, fate);
    expect(shown(waiting, "waiting")).toMatch(/^waiting Galaxy black 12:05\sPM$/);
    expect(shown({ ...waiting, printer_id: null }, "waiting")).toMatch(/^waiting_anywhere /);
    expect(shown({ ...waiting, label: null }, "expired")).toBe("expired #12");
    expect(shown(taken, "taken")).toBe("taken Galaxy black A3");
    expect(shown({ ...taken, printer_id: null }, "taken")).toBe(
      "taken Galaxy black Printer 2 · A3",
    );
    expect(shown({ ...taken, printer_id: null, taken_by: 3 }, "taken")).toBe(
      "taken Galaxy black A3",
    );
  });
});
