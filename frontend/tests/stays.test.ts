import { describe, expect, it } from "vitest";
import type { SlotEvent } from "../src/model";
import { staysOf } from "../src/stays";

/** `+A1 10` the spool was inserted into A1 at 10, `-` removed, `=` assigned, `!` unassigned. */
function history(...texts: string[]): SlotEvent[] {
  const types: Record<string, string> = {
    "+": "spool_inserted",
    "-": "spool_removed",
    "=": "assigned",
    "!": "unassigned",
    "?": "unknown_spool_detected",
  };
  return texts
    .map((text, index) => {
      const [place = "", event_at] = text.slice(1).split(" ");
      return {
        event_id: String(index),
        event_type: types[text[0] as string],
        event_at,
        printer_id: 1,
        slot: { is_ams_slot: true, ams_unit_no: place.charCodeAt(0), slot_no: Number(place[1]) },
        meta: { slot_label: place },
      } as unknown as SlotEvent;
    })
    .reverse();
}

const stays = (...texts: string[]) =>
  staysOf(history(...texts)).map(
    ({ event, from, until, open }) =>
      `${event.meta?.slot_label} ${from ?? "?"}-${until ?? (open ? "now" : "?")}`,
  );

describe("the stays of a spool", () => {
  it("are one for each slot it was in, the latest first", () => {
    expect(stays("+A1 1", "-A1 2", "+B2 3")).toEqual(["B2 3-now", "A1 1-2"]);
  });

  it("begin when it was named where its insertion does not name it", () => {
    expect(stays("=A1 2", "-A1 4")).toEqual(["A1 2-4"]);
  });

  it("are not started again by a name for a spool that is in the slot", () => {
    expect(stays("+A1 1", "=A1 2", "-A1 3")).toEqual(["A1 1-3"]);
  });

  it("end when it turns out to be another spool", () => {
    expect(stays("=A1 1", "!A1 2")).toEqual(["A1 1-2"]);
  });

  it("have no beginning where only their end is recorded", () => {
    expect(stays("-A1 2")).toEqual(["A1 ?-2"]);
  });

  it("have no end where only the next beginning is recorded", () => {
    expect(stays("+A1 1", "+A1 3")).toEqual(["A1 3-now", "A1 1-?"]);
  });

  it("are several at a time where several slots report it", () => {
    expect(stays("+A1 1", "+B1 2")).toEqual(["B1 2-now", "A1 1-now"]);
  });

  it("are not made by events of another kind", () => {
    expect(stays("?A1 1")).toEqual([]);
  });
});
