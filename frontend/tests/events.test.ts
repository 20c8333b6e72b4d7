import { describe, expect, it } from "vitest";
import { eventIcon, eventLook, shortId, spoolId, spoolName } from "../src/events";
import type { Hass } from "../src/ha";
import type { SlotEvent } from "../src/model";

const hass = { localize: (key: string) => key.split(".").at(-1) } as unknown as Hass;
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

  it("has an icon of its own when it ran out", () => {
    expect(eventIcon(event({ reason: "runout" }))).not.toBe(eventIcon(event({})));
  });
});

it("only numbers of Spoolman are short", () => {
  expect(shortId("spoolman:5")).toBe("#5");
  expect(shortId("bambulab:5")).toBe("");
  expect(shortId(null)).toBe("");
});
