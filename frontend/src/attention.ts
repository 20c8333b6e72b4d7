/** What needs the user's attention, and which slots a filter shows. */

import { type ColourName, colourName, coloursOf } from "./colour";
import { needsUser } from "./ha";
import type { Printer, PrinterLayout, Slot } from "./model";
import { filamentOf, isDescribed, lowOf } from "./spool";

/** From this number of printers on the card has a summary, filters and collapsible printers. */
export const MANY = 6;

export interface SlotFilter {
  attention: boolean;
  material: string;
  colour: ColourName | "";
}

export const NO_FILTER: SlotFilter = { attention: false, material: "", colour: "" };

const FAILED = ["setup_error", "setup_retry", "migration_error", "failed_unload"];

/** Whether a printer does not work until the user acts, or its entry failed. */
export function isAlert(printer: Printer): boolean {
  if (printer.state !== "loaded") return FAILED.includes(printer.state);
  return !printer.connected && needsUser(printer.status, printer.error);
}

/** Whether a slot needs attention: its spool is not known, another than set, or low. */
export function slotNeedsAttention(slot: Slot): boolean {
  if (slot.status === "empty") return false;
  const unknown = slot.status === "unidentified" && !isDescribed(filamentOf(slot));
  return unknown || lowOf(slot) || slot.spool?.mismatch === true;
}

export function needsAttention(printer: Printer): boolean {
  return isAlert(printer) || printer.slots.some(slotNeedsAttention);
}

/** The printers with alerts first, then those with slots that need attention; else as they are. */
export function byAttention(layouts: readonly PrinterLayout[]): PrinterLayout[] {
  const rank = ({ printer }: PrinterLayout) =>
    isAlert(printer) ? 0 : needsAttention(printer) ? 1 : 2;
  return [...layouts].sort((one, other) => rank(one) - rank(other));
}

export function isFiltering({ attention, material, colour }: SlotFilter): boolean {
  return attention || material !== "" || colour !== "";
}

/** Whether a filter shows a slot. */
export function passes(slot: Slot, filter: SlotFilter): boolean {
  if (slot.status === "empty") return false;
  const { attention, material, colour } = filter;
  const filament = filamentOf(slot);
  return (
    (!attention || slotNeedsAttention(slot)) &&
    (!material || filament.material === material) &&
    (!colour || coloursOf(filament).some((one) => colourName(one) === colour))
  );
}

/** The layout without units and printers that have nothing for the filter; bays keep their places. */
export function filtered(layouts: readonly PrinterLayout[], filter: SlotFilter): PrinterLayout[] {
  if (!isFiltering(filter)) return [...layouts];
  return layouts
    .map((layout) => ({
      ...layout,
      boxes: layout.boxes
        .map((box) => ({
          ...box,
          bays: box.bays.map((bay) => ({ ...bay, hidden: !bay.slot || !passes(bay.slot, filter) })),
        }))
        .filter(({ bays }) => bays.some(({ hidden }) => !hidden)),
    }))
    .filter(
      ({ boxes, printer }) =>
        boxes.length > 0 ||
        (filter.attention && !filter.material && !filter.colour && isAlert(printer)),
    );
}

/** The materials and colours that a filter can be set to. */
export function choices(printers: readonly Printer[]): {
  materials: string[];
  colours: ColourName[];
} {
  const filaments = printers
    .flatMap(({ slots }) => slots.filter(({ status }) => status !== "empty"))
    .map(filamentOf);
  const materials = new Set(filaments.flatMap(({ material }) => material || []));
  const colours = new Set(filaments.flatMap((filament) => coloursOf(filament).map(colourName)));
  return { materials: [...materials].sort(), colours: [...colours].sort() };
}

export interface Summary {
  printers: number;
  spools: number;
  offline: number;
  attention: number;
}

export function summaryOf(printers: readonly Printer[]): Summary {
  return {
    printers: printers.length,
    spools: printers.flatMap(({ slots }) => slots).filter(({ present }) => present).length,
    offline: printers.filter(({ connected }) => !connected).length,
    attention: printers.filter(needsAttention).length,
  };
}
