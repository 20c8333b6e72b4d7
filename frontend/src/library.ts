/** The spools of the library as the websocket sends them, and those likeliest for a slot. */

import { colourName, parseColour } from "./colour";
import type { Slot } from "./model";

export interface SpoolSlot {
  device_id: string | null;
  printer: string;
  slot_no: number;
  label: string | null;
}

export interface Spool {
  id: number;
  external_id: string | null;
  name: string | null;
  material: string | null;
  vendor: string | null;
  colors: string[];
  remaining_percent: number | null;
  remaining_g: number | null;
  slots: SpoolSlot[];
  last_slot: SpoolSlot;
}

/** A spool that can be assigned: one that is known by more than its tag. */
export type Known = Spool & { external_id: string };

/**
 * The spools to pick from, the likeliest first; those seen last come first in the input.
 *
 * slot: those last seen in it, of its material and colour, and of its material come first. Those
 * that are in a slot come last. search: each of its words is found in what is shown of a spool.
 */
export function likeliest(
  spools: readonly Spool[],
  search: string,
  named: (colour: string) => string,
  slot?: Slot,
): Known[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return spools
    .filter((spool): spool is Known => spool.external_id !== null)
    .filter((spool) => {
      const texts = searched(spool, named);
      return words.every((word) => texts.includes(word));
    })
    .map((spool) => ({ spool, rank: rankOf(spool, slot) }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ spool }) => spool);
}

function searched(spool: Known, named: (colour: string) => string): string {
  const { name, material, vendor, external_id, colors, slots, last_slot } = spool;
  const places = [...slots, last_slot].flatMap((place) => [place.printer, place.label]);
  const colours = namesOf(colors).map(named);
  return [name, material, vendor, external_id, ...colours, ...places]
    .filter(Boolean)
    .join("\n")
    .toLowerCase();
}

function rankOf(spool: Known, slot: Slot | undefined): number {
  if (spool.slots.length > 0) return 4;
  if (!slot) return 3;
  if (spool.last_slot.device_id === slot.device_id) return 0;
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
