import { describe, expect, it } from "vitest";
import {
  baysOf,
  columnsFor,
  eventsFilter,
  groupsOf,
  layoutOf,
  matches,
  type Printer,
  rowsOf,
  type Slot,
  type SlotEvent,
  type Unit,
  unitTitle,
  withArrived,
  withEvent,
} from "../src/model";

const slot = (unit: string | null, slot_no: number): Slot => ({
  entry_id: "one",
  device_id: `${unit}-${slot_no}`,
  unit,
  slot_no,
  label: null,
  present: true,
  status: "identified",
  active: null,
  identifiers: { rfid_uid: null, external_id: "bambulab:1", vendor_tag: null },
  assigned_external_id: null,
  assigned_label: null,
  filament: {},
  spool: null,
  linkable: false,
  inserted_at: null,
});

const unit = (key: string, ams_unit_no: number, slots_total = 4) =>
  ({ key, ams_unit_no, slots_total, device_id: `unit-${key}` }) as Unit;

const printer = {
  entry_id: "one",
  device_id: "printer",
  units: [unit("b", 2, 1), unit("a", 1)],
  slots: [slot(null, 2), slot(null, 1), slot("b", 1), slot("a", 3), slot("a", 1)],
} as Printer;
const bare = { entry_id: "two", device_id: "bare", units: [], slots: [] } as unknown as Printer;

describe("the layout", () => {
  it("has units in order, then the slots outside any unit", () => {
    const [layout] = layoutOf([printer]);
    expect(layout?.boxes.map((box) => [box.unit?.key, box.bays.map((bay) => bay.slot_no)])).toEqual(
      [
        ["a", [1, 2, 3, 4]],
        ["b", [1]],
        [undefined, [1, 2]],
      ],
    );
  });

  it("titles units by name, or by model and letter", () => {
    const title = (model: string | null, label: string | null) =>
      unitTitle({ ...unit("a", 2), model, label });
    expect(title("AMS 2 Pro", "B")).toBe("AMS 2 Pro B");
    expect(title("AMS HT", "HT-A")).toBe("AMS HT-A");
    expect(title("AMS Lite", "Lite")).toBe("AMS Lite");
    expect(title("Box_Turtle", "Turtle_1")).toBe("Turtle 1");
    expect(title("BoxTurtle", "Box Turtle")).toBe("Box Turtle");
    expect(title("CFS", "T1")).toBe("CFS T1");
    expect(title("Box_Turtle", null)).toBe("Box Turtle 2");
    expect(title(null, null)).toBe("AMS 2");
  });

  it("has a few slots outside any unit beside the last unit", () => {
    const boxes = layoutOf([printer])[0]?.boxes ?? [];
    expect(groupsOf(boxes).map((group) => group.map(({ unit }) => unit?.key))).toEqual([
      ["a"],
      ["b", undefined],
    ]);
    expect(groupsOf(boxes.slice(0, 2))).toHaveLength(2);
    expect(groupsOf(boxes.slice(2))).toHaveLength(1);
    const [many] = layoutOf([{ ...printer, slots: [1, 2, 3].map((number) => slot(null, number)) }]);
    expect(groupsOf(many?.boxes ?? [])).toHaveLength(3);
  });

  it("shows bays that were never reported, up to a limit", () => {
    expect(baysOf({ slots_total: 4 }, [slot("a", 3)]).map((bay) => bay.slot !== undefined)).toEqual(
      [false, false, true, false],
    );
    expect(baysOf({ slots_total: 0 }, [])).toEqual([]);
    expect(baysOf({ slots_total: 0 }, [slot("a", 2)])).toHaveLength(2);
    expect(baysOf({ slots_total: 9999 }, [])).toHaveLength(64);
  });

  it("can be of a printer, a unit or a slot", () => {
    const bays = (device: string) =>
      layoutOf([printer, bare], device).flatMap(({ boxes }) => boxes.map((box) => box.bays.length));
    expect(bays("printer")).toEqual([4, 1, 2]);
    expect(bays("unit-a")).toEqual([4]);
    expect(bays("a-3")).toEqual([1]);
    expect(bays("null-2")).toEqual([1]);
    expect(layoutOf([printer, bare], "bare")).toEqual([{ printer: bare, boxes: [] }]);
    expect(layoutOf([printer, bare], "gone")).toEqual([]);
    expect(layoutOf([printer, bare])).toHaveLength(2);
  });

  it.each([
    [0, 8, 1],
    [1, 8, 1],
    [4, 8, 4],
    [5, 8, 5],
    [4, 2, 2],
    [5, 4, 3],
    [8, 8, 8],
    [12, 8, 6],
    [16, 8, 8],
    [16, 4, 4],
    [9, 0, 1],
  ])("%i bays with room for %i are in rows of %i", (bays, most, columns) => {
    expect(columnsFor(bays, most)).toBe(columns);
  });
});

describe("history of a device", () => {
  const event = (ams_unit_no: number | null, slot_no: number) =>
    ({
      slot: { is_ams_slot: ams_unit_no !== null, ams_unit_no, slot_no },
      identifiers: { external_id: "bambulab:1" },
    }) as SlotEvent;

  it("is asked for by printer, unit or slot", () => {
    expect(eventsFilter([bare, printer], "printer")).toEqual({ entry_id: "one" });
    expect(eventsFilter([printer], "unit-b")).toEqual({ entry_id: "one", unit: "b" });
    expect(eventsFilter([printer], "a-3")).toEqual({ entry_id: "one", unit: "a", slot_no: 3 });
    expect(eventsFilter([printer], "null-2")).toEqual({ entry_id: "one", slot_no: 2 });
    expect(eventsFilter([printer], "gone")).toBeUndefined();
  });

  it.each([
    [{}, 1, 3, true],
    [{ entry_id: "one" }, 1, 3, true],
    [{ entry_id: "two" }, 1, 3, false],
    [{ entry_id: "one", unit: "b" }, 2, 1, true],
    [{ entry_id: "one", unit: "b" }, 1, 1, false],
    [{ entry_id: "one", unit: "gone" }, 1, 1, false],
    [{ entry_id: "one", unit: "a", slot_no: 3 }, 1, 3, true],
    [{ entry_id: "one", unit: "a", slot_no: 3 }, 1, 4, false],
    [{ entry_id: "one", slot_no: 1 }, null, 1, true],
    [{ entry_id: "one", slot_no: 1 }, 1, 1, false],
  ])("%j takes an event of unit %s, slot %i: %s", (filter, unitNo, slotNo, taken) => {
    expect(matches(event(unitNo, slotNo), printer, filter as Record<string, string>)).toBe(taken);
  });

  it("can be that of one spool", () => {
    expect(matches(event(1, 1), printer, {}, "bambulab:1")).toBe(true);
    expect(matches(event(1, 1), printer, {}, "bambulab:2")).toBe(false);
  });

  it("can be that of a spool that was assigned", () => {
    const assigned = {
      ...event(1, 1),
      identifiers: null,
      meta: { assigned: { external_id: "spoolman:12", label: null } },
    } as SlotEvent;
    expect(matches(assigned, printer, {}, "spoolman:12")).toBe(true);
    expect(matches(assigned, printer, {}, "spoolman:13")).toBe(false);
  });
});

describe("a history that is updated", () => {
  const event = (event_id: string, replay?: boolean) =>
    ({ event_id, ...(replay ? { meta: { replay } } : {}) }) as SlotEvent;
  const history = [event("b"), event("a")];

  it("has a new event on top", () => {
    expect(withEvent(history, event("c"))).toEqual([event("c"), ...history]);
  });

  it("contains no event twice", () => {
    expect(withEvent(history, event("a"))).toEqual(history);
  });

  it("marks a re-fired event in its place, and ignores one that is not loaded", () => {
    expect(withEvent(history, event("a", true))).toEqual([event("b"), event("a", true)]);
    expect(withEvent(history, event("old", true))).toEqual(history);
  });

  it("keeps what arrived while its page was asked for, whether or not the page has it", () => {
    const arrived = [event("d"), event("c"), event("b")];
    expect(withArrived(history, arrived)).toEqual([event("d"), event("c"), ...history]);
    expect(withArrived(history, [])).toEqual(history);
  });
});

describe("rows of a history", () => {
  const event = (event_type: string, slot_no = 1) =>
    ({
      event_type,
      printer_id: 1,
      slot: { is_ams_slot: true, ams_unit_no: 1, slot_no },
    }) as SlotEvent;
  const [unknown, inserted, removed] = [
    "unknown_spool_detected",
    "spool_inserted",
    "spool_removed",
  ].map((kind) => event(kind)) as [SlotEvent, SlotEvent, SlotEvent];
  const shown = (...events: SlotEvent[]) =>
    rowsOf(events).map(({ event, unidentified }) => [event.event_type, unidentified]);

  it("fold an unidentified spool into its insertion", () => {
    expect(shown(unknown, event("spool_inserted", 2), inserted, removed)).toEqual([
      ["spool_inserted", false],
      ["spool_inserted", true],
      ["spool_removed", false],
    ]);
  });

  it("keep one whose insertion is not loaded or belongs to another spool", () => {
    expect(shown(unknown)).toEqual([["unknown_spool_detected", true]]);
    expect(shown(unknown, removed, inserted)).toEqual([
      ["unknown_spool_detected", true],
      ["spool_removed", false],
      ["spool_inserted", false],
    ]);
  });
});
