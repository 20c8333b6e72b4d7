import { describe, expect, it } from "vitest";
import { allSpools, likeliest, partOf, type Spool, spoolOf } from "../src/library";
import type { Slot, SlotSpool } from "../src/model";

const place = (device_id: string, label = device_id) => ({
  entry_id: "x1c",
  device_id,
  printer: "X1C",
  ams_unit_no: 1,
  slot_no: 1,
  label,
});

function spool(name: string, values: Partial<Spool> = {}): Spool {
  return {
    id: 1,
    external_id: `spoolman:${name}`,
    tag_ids: [],
    inventory_spool: null,
    name,
    material: "PLA",
    vendor: null,
    colors: ["#FF0000"],
    remaining_percent: null,
    remaining_g: null,
    remaining_at: null,
    remaining_from: null,
    low: null,
    first_seen: null,
    last_seen: null,
    out_since: null,
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
  likeliest(allSpools(spools, []), search, named, where).map(({ name }) => name);

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

describe("the parts of the library", () => {
  const spools = [
    spool("in", { slots: [place("A1")], low: true }),
    spool("out", { low: false, tag_ids: ["04A1"], external_id: null }),
    spool("unknown"),
  ];
  it.each([
    ["all", ["in", "out", "unknown"]],
    ["in_slot", ["in"]],
    ["out", ["out", "unknown"]],
    ["low", ["in"]],
  ] as const)("%s has those spools", (part, found) => {
    expect(partOf(allSpools(spools, []), part).map(({ name }) => name)).toEqual(found);
  });

  it.each([
    ["spoolman:in", "in"],
    ["04A1", "out"],
    ["spoolman:9", undefined],
  ])("a spool is found by the id %s", (id, found) => {
    expect(spoolOf(allSpools(spools, []), id)?.name).toBe(found);
  });
});

it("spools of an inventory are those of the library, or were in no slot yet", () => {
  const inventory = ["1", "2"].map((id) => ({
    external_id: `spoolman:${id}`,
    name: `Spool ${id}`,
    material: "PLA",
    vendor: "Prusament",
    colors: ["#202028"],
    remaining_percent: 64,
    remaining_g: 640,
    low: false,
    location: "Shelf A",
    url: `http://spoolman/spool/show/${id}`,
  }));
  const inventory_spool = { url: inventory[0]?.url } as SlotSpool;
  const library = [
    spool("1", { name: "Mine", slots: [place("A1")], inventory_spool }),
    spool("1b", { external_id: null }),
  ];
  const found = allSpools(library, inventory);

  expect(found.map(({ id, name, remaining_g }) => [id, name, remaining_g])).toEqual([
    [1, "Mine", 640],
    [1, "1b", null],
    [null, "Spool 2", 640],
  ]);
  expect(found[2]?.last_slot).toBeNull();
  expect(likeliest(found, "shelf schwarz", named, slot).map(({ name }) => name)).toEqual([
    "Spool 2",
    "Mine",
  ]);
});
