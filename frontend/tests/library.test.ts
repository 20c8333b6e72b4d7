import { describe, expect, it } from "vitest";
import { allSpools, partOf, type Spool, searched, spoolOf } from "../src/library";
import type { SlotSpool } from "../src/model";

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

const german: Record<string, string> = { red: "rot", black: "schwarz" };
const named = (colour: string) => german[colour] ?? colour;

describe("the spools to pick from", () => {
  it.each([
    ["gal black", ["Galaxy black"]],
    ["SCHWARZ", ["Galaxy black"]],
    ["pla x1c", ["Galaxy black", "Fire"]],
    ["spoolman:fire", ["Fire"]],
    ["nylon", []],
  ])("are found by the words %j", (search, found) => {
    const spools = [spool("Galaxy black", { colors: ["#000000"] }), spool("Fire")];
    const shown = searched(allSpools(spools, []), search, named);
    expect(shown.map(({ name }) => name)).toEqual(found);
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
  expect(searched(found, "shelf schwarz", named).map(({ name }) => name)).toEqual([
    "Mine",
    "Spool 2",
  ]);
});
