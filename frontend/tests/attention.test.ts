import { describe, expect, it } from "vitest";
import {
  byAttention,
  choices,
  filtered,
  isAlert,
  isFiltering,
  NO_FILTER,
  type SlotFilter,
  slotNeedsAttention,
  summaryOf,
} from "../src/attention";
import { layoutOf, type Printer, type Slot, type Unit } from "../src/model";

const slot = (slot_no: number, values: object = {}) =>
  ({
    device_id: `slot-${slot_no}`,
    unit: "a",
    slot_no,
    status: "identified",
    present: true,
    filament: { material: "PLA", color_hex: "#0A2CA5" },
    ...values,
  }) as Slot;
const printer = (entry_id: string, slots: Slot[], values: object = {}) =>
  ({
    entry_id,
    device_id: entry_id,
    state: "loaded",
    connected: true,
    status: "running",
    error: null,
    units: [{ key: "a", ams_unit_no: 1, slots_total: 2, device_id: "unit" } as Unit],
    slots,
    ...values,
  }) as Printer;

const empty = slot(2, { status: "empty", present: false, filament: {} });
const unknown = slot(2, { status: "unidentified", filament: {} });
const low = slot(1, { filament: { material: "PETG", color_hex: "#FF0000", remaining_percent: 5 } });
const well = printer("well", [slot(1), empty]);
const asleep = printer("asleep", [slot(1)], { connected: false, status: "reconnecting" });
const little = printer("little", [low, empty]);
const locked = printer("locked", [slot(1)], { connected: false, status: "auth_failed" });
const all = [well, asleep, little, locked];

describe("attention", () => {
  it("is needed by a spool that nothing is known of, and where little is left", () => {
    expect(slotNeedsAttention(unknown)).toBe(true);
    expect(slotNeedsAttention(low)).toBe(true);
    expect(slotNeedsAttention(slot(1, { status: "unidentified" }))).toBe(false);
    expect(slotNeedsAttention({ ...low, status: "empty" })).toBe(false);
  });

  it("is not needed by a printer that is switched off", () => {
    expect(all.filter(isAlert)).toEqual([locked]);
    expect(isAlert(printer("broken", [], { state: "setup_error" }))).toBe(true);
    expect(isAlert(printer("disabled", [], { state: "not_loaded" }))).toBe(false);
  });

  it("comes first: alerts, then slots; the others keep their order", () => {
    const names = byAttention(layoutOf(all)).map(({ printer }) => printer.entry_id);
    expect(names).toEqual(["locked", "little", "well", "asleep"]);
  });

  it("is counted with printers, spools and what is offline", () => {
    expect(summaryOf(all)).toEqual({ printers: 4, spools: 4, offline: 2, attention: 2 });
  });
});

describe("a filter", () => {
  const shown = (filter: Partial<SlotFilter>) =>
    filtered(layoutOf(all), { ...NO_FILTER, ...filter }).map(({ printer, boxes }) => [
      printer.entry_id,
      boxes.flatMap(({ bays }) => bays.flatMap((bay) => (bay.hidden ? [] : bay.slot_no))),
    ]);

  it("that is not set shows everything", () => {
    expect(isFiltering(NO_FILTER)).toBe(false);
    expect(shown({}).map(([name]) => name)).toEqual(["well", "asleep", "little", "locked"]);
  });

  it("shows what needs attention, and printers with an alert", () => {
    expect(shown({ attention: true })).toEqual([
      ["little", [1]],
      ["locked", []],
    ]);
  });

  it("shows a material, a colour, or both", () => {
    expect(shown({ material: "PETG" })).toEqual([["little", [1]]]);
    expect(shown({ colour: "blue" }).map(([name]) => name)).toEqual(["well", "asleep", "locked"]);
    expect(shown({ material: "PETG", colour: "blue" })).toEqual([]);
    expect(shown({ attention: true, material: "PLA" })).toEqual([]);
  });

  it("keeps the places of the other bays", () => {
    const [layout] = filtered(layoutOf([well]), { ...NO_FILTER, material: "PLA" });
    expect(layout?.boxes[0]?.bays.map(({ hidden }) => hidden)).toEqual([false, true]);
  });

  it("offers what there is", () => {
    expect(choices(all)).toEqual({ materials: ["PETG", "PLA"], colours: ["blue", "red"] });
  });
});
