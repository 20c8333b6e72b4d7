import { describe, expect, it } from "vitest";
import {
  eventIcon,
  eventLook,
  eventText,
  eventTitle,
  moreChanges,
  type SentEvent,
  shortId,
  shownEvent,
  spoolId,
  spoolName,
} from "../src/events";
import type { Hass } from "../src/ha";
import type { SlotEvent } from "../src/model";

const hass = {
  localize: (key: string, values: object = {}) =>
    [key.split(".").at(-1), ...Object.values(values)].join(" "),
} as unknown as Hass;
const NO_TAG = { rfid_uid: null, external_id: null, vendor_tag: null };
const event = (meta: object, identifiers: object | null = NO_TAG) =>
  ({ event_type: "spool_removed", meta, identifiers }) as SlotEvent;
const assigned = { external_id: "spoolman:12", label: "Galaxy black" };
const filament = { name: "PETG HF", material: "PETG" };

describe("the spool of an event", () => {
  it.each([
    [{ assigned, filament }, "Galaxy black"],
    [{ assigned: { ...assigned, label: null }, filament }, "PETG HF"],
    [{ filament: { material: "PETG" } }, "PETG"],
    [{ assigned: { ...assigned, label: null } }, "#12"],
    [{}, "unknown_spool"],
  ])("of %j is called %s", (meta, name) => {
    expect(spoolName(hass, event(meta))).toBe(name);
  });

  it("is followed by its own id, else by the assigned one", () => {
    expect(spoolId(event({ assigned }, { ...NO_TAG, external_id: "bambulab:1" }))).toBe(
      "bambulab:1",
    );
    expect(spoolId(event({ assigned }))).toBe("spoolman:12");
    expect(spoolId(event({}))).toBeUndefined();
    expect(spoolId(event({}, null))).toBeUndefined();
  });

  it("is identified by a tag or by an assignment", () => {
    expect(eventLook(event({ assigned }))).toBe("identified");
    expect(eventLook(event({}, { ...NO_TAG, rfid_uid: "04A2" }))).toBe("identified");
    expect(eventLook(event({}))).toBe("unidentified");
  });

  it("is not identified where nothing was assigned or that was undone", () => {
    expect(eventLook(event({ assigned: {} }))).toBe("unidentified");
    expect(eventLook({ ...event({ assigned }), event_type: "unassigned" })).toBe("unidentified");
  });

  it("has an icon of its own when it ran out", () => {
    expect(eventIcon(event({ reason: "runout" }))).not.toBe(eventIcon(event({})));
  });
});

describe("an assignment", () => {
  const sent = (meta: object, places: object) =>
    ({ event_id: "1", event_type: "ams_state", printer_id: 1, meta, ...places }) as SentEvent;
  const state = { slot_no: 4, label: "A4", filament };
  const unit = { ams_units: [{ ams_unit_no: 1, slots: [state] }], direct_slots: [] };
  const shown = (meta: object, places: object = unit) =>
    shownEvent(sent(meta, places)) as SlotEvent;
  const other = { external_id: "spoolman:13", label: null };

  it("is an event of its slot, with the filament in it", () => {
    const event = shown({ assigned, previously_assigned: null });
    expect(event.slot).toEqual({ is_ams_slot: true, ams_unit_no: 1, slot_no: 4 });
    expect(event.meta).toMatchObject({ slot_label: "A4", filament });
    expect(spoolId(event)).toBe("spoolman:12");
    expect(eventLook(event)).toBe("identified");
    expect(eventTitle(hass, event)).toBe("assigned_as Galaxy black");
    expect(eventText(hass, event)).toBe("");
  });

  it("names the spool before when it was changed", () => {
    const event = shown({ assigned, previously_assigned: other });
    expect(eventTitle(hass, event)).toBe("changed_to Galaxy black #13");
  });

  it("that was undone is about the spool that was assigned", () => {
    const event = shown({ assigned: null, previously_assigned: assigned });
    expect(eventTitle(hass, event)).toBe("unassigned_as Galaxy black");
    expect(spoolId(event)).toBe("spoolman:12");
  });

  it("may be of a slot outside any unit", () => {
    const event = shown(
      { assigned, previously_assigned: null },
      { ams_units: [], direct_slots: [{ slot_no: 1 }] },
    );
    expect(event.slot).toEqual({ is_ams_slot: false, ams_unit_no: null, slot_no: 1 });
  });

  it("differs from other states, and spool events stay as they are", () => {
    expect(shown({}, unit)).toBeUndefined();
    expect(shown({ assigned, previously_assigned: null }, {})).toBeUndefined();
    const removed = { ...event({}), slot: { is_ams_slot: false, ams_unit_no: null, slot_no: 1 } };
    expect(shownEvent(removed)).toEqual(removed);
    expect(eventTitle(hass, event({ filament }))).toBe("PETG HF");
    expect(eventText(hass, event({}))).toBe("spool_removed");
  });
});

it("only numbers of Spoolman are short", () => {
  expect(shortId("spoolman:5")).toBe("#5");
  expect(shortId("bambulab:5")).toBe("");
  expect(shortId(null)).toBe("");
});

describe("an event that counts the changes after it", () => {
  it("has their number", () => {
    const summary = { spool_inserted: 20, spool_removed: 21, unknown_spool_detected: 3 };
    expect(moreChanges(event({ summary }))).toBe(41);
    expect(moreChanges(event({}))).toBe(0);
  });
});
