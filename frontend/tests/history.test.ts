import { describe, expect, it } from "vitest";
import type { Hass } from "../src/ha";
import {
  after,
  before,
  contentAt,
  contentOn,
  contentsOf,
  dayAfter,
  isAbout,
  periodsOf,
  present,
  sentence,
} from "../src/history";
import type { Printer, Row, Slot, SlotEvent } from "../src/model";

const hass = {
  localize: (key: string, values: object = {}) =>
    [key.split(".").at(-1), ...Object.values(values)].join(" "),
} as unknown as Hass;
const place = { is_ams_slot: true, ams_unit_no: 1, slot_no: 1 };
const event = (kind: string, name: string, day = 1, meta: object = {}) =>
  ({
    event_type: kind,
    event_at: `2026-11-${String(day).padStart(2, "0")}T12:00:00Z`,
    printer_id: 1,
    slot: place,
    meta: { filament: { name }, ...meta },
  }) as SlotEvent;
const dayOf = (one: SlotEvent) => one.event_at.slice(0, 10);
const assigned = { external_id: "spoolman:12", label: "Galaxy black" };

describe("periods of the timeline", () => {
  const rows = (day: string) => ({ day, entries: [{} as Row] });

  it("are days with events, and the days between them", () => {
    const periods = periodsOf(["2026-11-20", "2026-11-19", "2026-11-15"].map(rows), "2026-11-22");
    expect(periods.map(({ first, last, rows }) => [first, last, rows.length])).toEqual([
      ["2026-11-21", "2026-11-22", 0],
      ["2026-11-20", "2026-11-20", 1],
      ["2026-11-19", "2026-11-19", 1],
      ["2026-11-16", "2026-11-18", 0],
      ["2026-11-15", "2026-11-15", 1],
    ]);
  });

  it("have no days after the newest, and always the newest itself", () => {
    expect(periodsOf([rows("2026-11-20")], "2026-11-20")).toHaveLength(1);
    expect(periodsOf([rows("2026-11-25")], "2026-11-20")).toHaveLength(1);
    expect(periodsOf([], "2026-11-20")).toEqual([
      { first: "2026-11-20", last: "2026-11-20", rows: [] },
    ]);
  });

  it("follow the calendar", () => {
    expect(dayAfter("2026-02-28")).toBe("2026-03-01");
    expect(dayAfter("2026-01-01", -1)).toBe("2025-12-31");
  });
});

describe("what was in a slot", () => {
  it.each([
    ["spool_inserted", {}, null, "PLA Matte"],
    ["spool_removed", {}, "PLA Matte", null],
    ["unknown_spool_detected", {}, "PLA Matte", "PLA Matte"],
    ["assigned", { assigned }, "PLA Matte", "Galaxy black"],
    [
      "assigned",
      { assigned, previously_assigned: { external_id: "spoolman:13", label: "Silver" } },
      "Silver",
      "Galaxy black",
    ],
    ["unassigned", { assigned, previously_assigned: assigned }, "Galaxy black", "PLA Matte"],
  ])("before and after %s %j is %s and %s", (kind, meta, earlier, later) => {
    const one = event(kind, "PLA Matte", 1, meta);
    expect(before(hass, one)).toBe(earlier);
    expect(after(hass, one)).toBe(later);
  });

  it.each([
    [{ present: false, filament: {} }, null],
    [{ present: true, filament: { material: "PLA" } }, "PLA"],
    [{ present: true, filament: {}, assigned_external_id: "spoolman:5" }, "#5"],
    [{ present: true, filament: {} }, "unknown_spool"],
    [{ present: null, filament: {} }, undefined],
    [{ present: null, filament: { name: "PETG" } }, "PETG"],
  ])("now, of %j, is %s", (slot, content) => {
    expect(present(hass, slot as Slot)).toBe(content);
  });

  it("on days without events is what the event before left, else what the next one found", () => {
    const events = [
      event("spool_removed", "PLA Matte", 20),
      event("spool_inserted", "PLA Matte", 10),
    ];
    const on = (day: string, some = events) => contentOn(hass, some, day, dayOf, "PETG");
    expect(on("2026-11-25")).toBeNull();
    expect(on("2026-11-15")).toBe("PLA Matte");
    expect(on("2026-11-05")).toBeNull();
    expect(on("2026-11-05", [event("spool_removed", "ABS", 20)])).toBe("ABS");
    expect(on("2026-11-05", [])).toBe("PETG");
  });

  it("in the course of a day is all of it, in order", () => {
    const day = [event("spool_inserted", "PETG"), event("spool_removed", "PLA Matte")];
    expect(contentsOf(hass, day, "PLA Matte")).toEqual(["PLA Matte", "PETG"]);
    expect(contentsOf(hass, [], "PLA Matte")).toEqual(["PLA Matte"]);
    expect(contentsOf(hass, [], null)).toBeNull();
    expect(contentsOf(hass, [], undefined)).toBeUndefined();
    expect(contentsOf(hass, day.slice(1), undefined)).toBeNull();
  });
});

describe("what was in a slot at a time", () => {
  const ask = (answers: SlotEvent[][]) => {
    const asked: Record<string, unknown>[] = [];
    return {
      asked,
      at: (now: string | null) =>
        contentAt(
          hass,
          async (message) => {
            asked.push(message);
            return { events: answers[asked.length - 1] as SlotEvent[] };
          },
          { entry_id: "one", slot_no: 1 },
          "2026-11-10T00:00:00Z",
          now,
        ),
    };
  };
  const state = { event_type: "ams_state", meta: {} } as SlotEvent;

  it("is what the last event before it left", async () => {
    const { asked, at } = ask([[event("spool_inserted", "PLA Matte")]]);
    expect(await at(null)).toBe("PLA Matte");
    expect(asked).toEqual([
      {
        entry_id: "one",
        slot_no: 1,
        limit: 1,
        until: "2026-11-10T00:00:00Z",
        event_types: ["spool_inserted", "spool_removed", "unknown_spool_detected"],
        assignments: true,
      },
    ]);
  });

  it("is what the next event found, where the slot was known", async () => {
    expect(await ask([[], [state], [event("spool_removed", "ABS")]]).at(null)).toBe("ABS");
    expect(await ask([[], [state], []]).at("PETG")).toBe("PETG");
  });

  it("is not recorded before the slot was first reported", async () => {
    const { asked, at } = ask([[], []]);
    expect(await at("PETG")).toBeUndefined();
    expect(asked).toHaveLength(2);
  });
});

it("an event belongs to the slot of its printer", () => {
  const slot = { entry_id: "one", device_id: "a1", unit: "a", slot_no: 1 } as Slot;
  const printer = {
    entry_id: "one",
    printer_id: 1,
    device_id: "p",
    units: [{ key: "a", ams_unit_no: 1 }],
    slots: [slot],
  } as Printer;
  const one = event("spool_inserted", "PLA");
  expect(isAbout(one, [printer], slot)).toBe(true);
  expect(isAbout({ ...one, printer_id: 2 }, [printer], slot)).toBe(false);
  expect(isAbout({ ...one, slot: { ...place, slot_no: 2 } }, [printer], slot)).toBe(false);
  expect(isAbout(one, [], slot)).toBe(false);
});

describe("a sentence about slots", () => {
  it.each([
    [[{ label: "A1", content: "PLA Matte" }], "held A1 PLA Matte"],
    [[{ label: "A1", content: null }], "was_empty A1"],
    [[{ label: "A1", content: undefined }], "not_recorded"],
    [
      [
        { label: "A1", content: "PLA Matte" },
        { label: "A2", content: null },
        { label: "A3", content: undefined },
      ],
      "A1 PLA Matte · A2 empty",
    ],
    [[], "no_changes"],
  ])("%j is %s", (slots, text) => {
    expect(sentence(hass, slots)).toBe(text);
  });
});
