/** The spools of the library and of inventories as the websocket sends them. */

import { colourName, parseColour } from "./colour";
import type { SlotSpool } from "./model";

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
  /** The spool of an inventory that it is, if it is known which one. */
  inventory_spool: SlotSpool | null;
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
  /** Of its page; known by it among the spools of several inventories. */
  url: string;
}

/** A spool of the library with what an inventory knows of it, or one that was in no slot yet. */
export type AnySpool = Omit<Spool, "id" | "last_slot"> & {
  /** Null for one that is not in the library. */
  id: number | null;
  last_slot: SpoolSlot | null;
  location: string | null;
  url: string | null;
};

/** A spool to pick: one that is known by more than its tag. */
export interface Choice {
  external_id: string;
  name: string | null;
  material: string | null;
  vendor: string | null;
  colors: string[];
  remaining_percent: number | null;
  remaining_g: number | null;
  low: boolean | null;
  location: string | null;
  slots: SpoolSlot[];
  last_slot: SpoolSlot | null;
}

/** What a row shows of a spool, and a search looks at. */
export type Listed = Omit<Choice, "external_id"> & Pick<AnySpool, "external_id">;

/** The spools of the library, then those of the inventories that were in no slot yet. */
export function allSpools(
  library: readonly Spool[],
  inventory: readonly InventorySpool[],
): AnySpool[] {
  const unseen = new Map(inventory.map((spool) => [spool.url, spool]));
  const seen = library.map((spool): AnySpool => {
    const known = unseen.get(spool.inventory_spool?.url ?? "");
    if (!known) return { ...spool, location: null, url: spool.inventory_spool?.url ?? null };
    unseen.delete(known.url);
    const { name, material, vendor, colors, remaining_g, remaining_percent } = known;
    // What the inventory knows of is more exact than what a printer estimates.
    const measured = remaining_g !== null || remaining_percent !== null;
    return {
      ...spool,
      name: spool.name ?? name,
      material: material ?? spool.material,
      vendor: vendor ?? spool.vendor,
      colors: colors.length > 0 ? colors : spool.colors,
      ...(measured ? { remaining_g, remaining_percent, ...OF_THE_INVENTORY } : {}),
      low: known.low ?? spool.low,
      location: known.location,
      url: known.url,
    };
  });
  return [...seen, ...[...unseen.values()].map((spool) => ({ ...spool, ...NEVER_SEEN }))];
}

// It is measured now, and by no slot.
const OF_THE_INVENTORY = { remaining_at: null, remaining_from: null };
const NEVER_SEEN = {
  ...OF_THE_INVENTORY,
  id: null,
  tag_ids: [],
  inventory_spool: null,
  first_seen: null,
  last_seen: null,
  out_since: null,
  slots: [],
  last_slot: null,
};

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
export function spoolOf(spools: readonly AnySpool[], id: string): AnySpool | undefined {
  return spools.find(({ external_id, tag_ids }) => external_id === id || tag_ids.includes(id));
}

/** Which spools are shown: all, those in slots, those out of them, and those with little left. */
export type Part = "all" | "in_slot" | "out" | "low";

export function partOf(spools: readonly AnySpool[], part: Part): AnySpool[] {
  const includes: Record<Part, (spool: AnySpool) => boolean> = {
    all: () => true,
    in_slot: ({ slots }) => slots.length > 0,
    out: ({ slots }) => slots.length === 0,
    low: ({ low }) => low === true,
  };
  return spools.filter(includes[part]);
}

function namesOf(colours: readonly string[]): string[] {
  return colours
    .map(parseColour)
    .filter((colour) => colour !== undefined)
    .map(colourName);
}
