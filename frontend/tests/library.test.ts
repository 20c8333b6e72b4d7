import { describe, expect, it } from "vitest";
import { likeliest, type Spool } from "../src/library";
import type { Slot } from "../src/model";

const place = (device_id: string, label = device_id) => ({
  device_id,
  printer: "X1C",
  slot_no: 1,
  label,
});

function spool(name: string, values: Partial<Spool> = {}): Spool {
  return {
    id: 1,
    external_id: `spoolman:${name}`,
    name,
    material: "PLA",
    vendor: null,
    colors: ["#FF0000"],
    remaining_percent: null,
    remaining_g: null,
    slots: [],
    last_slot: place("elsewhere"),
    ...values,
  };
}

const slot = {
  device_id: "A3",
  filament: { material: "PETG", color_hex: "#C12E1F" },
} as Slot;

const german: Record<string, string> = { red: "rot", black: "schwarz" };
const named = (colour: string) => german[colour] ?? colour;
const names = (spools: Spool[], search = "", where?: Slot) =>
  likeliest(spools, search, named, where).map(({ name }) => name);

describe("the spools to pick from", () => {
  it("are those last seen in the slot, of its material and colour, of its material, and others", () => {
    const spools = [
      spool("inside", { slots: [place("B1")], last_slot: place("A3"), material: "PETG" }),
      spool("other"),
      spool("material", { material: "PETG", colors: ["#000000"] }),
      spool("both", { material: "PETG", colors: ["#000000", "#FF0000"] }),
      spool("here", { last_slot: place("A3") }),
    ];
    expect(names(spools, "", slot)).toEqual(["here", "both", "material", "other", "inside"]);
  });

  it("keep their order where nothing is known of the slot", () => {
    const spools = [spool("one", { material: null }), spool("two")];
    expect(names(spools, "", { ...slot, filament: {} })).toEqual(["one", "two"]);
    expect(names(spools)).toEqual(["one", "two"]);
  });

  it("leave out those that are known by their tag only", () => {
    expect(names([spool("tag", { external_id: null }), spool("id")])).toEqual(["id"]);
  });

  it.each([
    ["gal black", ["Galaxy black"]],
    ["SCHWARZ", ["Galaxy black"]],
    ["pla x1c", ["Galaxy black", "Fire"]],
    ["spoolman:fire", ["Fire"]],
    ["nylon", []],
  ])("are found by the words %j", (search, found) => {
    const spools = [spool("Galaxy black", { colors: ["#000000"] }), spool("Fire")];
    expect(names(spools, search)).toEqual(found);
  });
});
