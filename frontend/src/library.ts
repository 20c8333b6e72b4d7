/** The spools of the library as the websocket sends them, and those likeliest for a slot. */

import { colourName, parseColour } from "./colour";
import type { Slot } from "./model";

export interface SpoolSlot {
  entry_id: string | null;
  device_id: string | null;
  printer: string;
  ams_unit_no: number | null;
  slot_no: number;
  label: string | null;
}

export interface Spool {
  id: number;
  external_id: string | null;
  tag_ids: string[];
  name: string | null;
  material: string | null;
  vendor: string | null;
  colors: string[];
  remaining_percent: number | null;
  remaining_g: number | null;
  /** When and by which slot that was reported last. */
  remaining_at: string | null;
  remaining_from: SpoolSlot | null;
  low: boolean | null;
  first_seen: string | null;
  last_seen: string | null;
  /** Null while it is in a slot. */
  out_since: string | null;
  /** Where it is: in several slots if each of them reports it. */
  slots: SpoolSlot[];
  last_slot: SpoolSlot;
}

/** A spool of an inventory, which may have been in no slot yet. */
export interface InventorySpool {
  external_id: string;
  name: string | null;
  material: string | null;
  vendor: string | null;
  colors: string[];
  remaining_percent: number | null;
  remaining_g: number | null;
  low: boolean | null;
  location: string | null;
}

/** What is shown of a spool in a list. */
export type Listed = Omit<InventorySpool, "external_id" | "location"> & {
  external_id: string | null;
  slots: SpoolSlot[];
  /** Null for one that has been in no slot. */
  last_slot: SpoolSlot | null;
  location?: string | null;
};

/** A spool that can be assigned: one that is known by more than its tag. */
export type Known = Listed & { external_id: string };

/** The spools that can be assigned: those of the library, then those that were in no slot yet. */
export function assignable(
  library: readonly Spool[],
  inventory: readonly InventorySpool[],
): Known[] {
  const found = new Map(inventory.map((spool) => [spool.external_id, spool]));
  const seen = library.flatMap(({ external_id, ...spool }): Known[] => {
    if (external_id === null) return [];
    const known = found.get(external_id);
    found.delete(external_id);
    const name = spool.name ?? known?.name ?? null;
    return [{ ...spool, ...known, name, external_id }];
  });
  const unseen = [...found.values()].map((spool) => ({ ...spool, slots: [], last_slot: null }));
  return [...seen, ...unseen];
}

/**
 * The spools to pick from, the likeliest first; those seen last come first in the input.
 *
 * slot: those last seen in it, of its material and colour, and of its material come first. Those
 * that are in a slot come last. search: each of its words is found in what is shown of a spool.
 */
export function likeliest(
  spools: readonly Known[],
  search: string,
  named: (colour: string) => string,
  slot?: Slot,
): Known[] {
  return searched(spools, search, named)
    .map((spool) => ({ spool, rank: rankOf(spool, slot) }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ spool }) => spool);
}

/** The spools of which what is shown contains each word of a search. */
export function searched<S extends Listed>(
  spools: readonly S[],
  search: string,
  named: (colour: string) => string,
): S[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...spools];
  return spools.filter((spool) => {
    const texts = textsOf(spool, named);
    return words.every((word) => texts.includes(word));
  });
}

function textsOf(spool: Listed, named: (colour: string) => string): string {
  const { name, material, vendor, external_id, colors, slots, last_slot, location } = spool;
  const places = [...slots, last_slot].flatMap((place) => [place?.printer, place?.label]);
  const colours = namesOf(colors).map(named);
  return [name, material, vendor, external_id, location, ...colours, ...places]
    .filter(Boolean)
    .join("\n")
    .toLowerCase();
}

/** The spool with this id, be it its own or that of a tag. */
export function spoolOf(spools: readonly Spool[], id: string): Spool | undefined {
  return spools.find(({ external_id, tag_ids }) => external_id === id || tag_ids.includes(id));
}

/** Which spools are shown: all, those in slots, those out of them, and those with little left. */
export type Part = "all" | "in_slot" | "out" | "low";

export function partOf(spools: readonly Spool[], part: Part): Spool[] {
  const includes: Record<Part, (spool: Spool) => boolean> = {
    all: () => true,
    in_slot: ({ slots }) => slots.length > 0,
    out: ({ slots }) => slots.length === 0,
    low: ({ low }) => low === true,
  };
  return spools.filter(includes[part]);
}

function rankOf(spool: Known, slot: Slot | undefined): number {
  if (spool.slots.length > 0) return 4;
  if (!slot) return 3;
  if (spool.last_slot?.device_id === slot.device_id) return 0;
  const { material, color_hex, colors } = slot.filament;
  if (!material || material !== spool.material) return 3;
  const wanted = namesOf(colors ?? (color_hex ? [color_hex] : []));
  return namesOf(spool.colors).some((name) => wanted.includes(name)) ? 1 : 2;
}

function namesOf(colours: readonly string[]): string[] {
  return colours
    .map(parseColour)
    .filter((colour) => colour !== undefined)
    .map(colourName);
}
