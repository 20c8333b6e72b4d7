/** How the events of spools are shown: their kinds, icons, names and texts. */

import { type Hass, stateText, text } from "./ha";
import type { Filament, SlotEvent } from "./model";
import type { Look } from "./spool";

/** An event as it is sent: about one slot, or the state of several. */
export interface SentEvent extends Omit<SlotEvent, "slot"> {
  slot?: SlotEvent["slot"];
  ams_units?: { ams_unit_no: number; slots: SentSlot[] }[];
  direct_slots?: SentSlot[];
}

interface SentSlot {
  slot_no: number;
  label?: string | null;
  filament?: Filament | null;
}

/** What is asked of the history: events of spools, and assignments by users. */
export const SPOOL_EVENTS = {
  event_types: ["spool_inserted", "spool_removed", "unknown_spool_detected"],
  assignments: true,
};

const RAN_OUT = "mdi:tray-remove";
const ICONS: Record<string, string> = {
  spool_inserted: "mdi:tray-arrow-down",
  spool_removed: "mdi:tray-arrow-up",
  unknown_spool_detected: "mdi:help-circle-outline",
  assigned: "mdi:tag-check-outline",
  unassigned: "mdi:tag-off-outline",
};

/** The event as cards show it; undefined for a state that is no assignment. */
export function shownEvent(sent: SentEvent): SlotEvent | undefined {
  const { ams_units, direct_slots, slot, ...event } = sent;
  if (slot) return { ...event, slot };
  const meta = sent.meta ?? {};
  if (!("previously_assigned" in meta)) return undefined;
  const unit = ams_units?.[0];
  const state = unit ? unit.slots[0] : direct_slots?.[0];
  if (!state) return undefined;
  return {
    ...event,
    event_type: meta.assigned ? "assigned" : "unassigned",
    slot: {
      is_ams_slot: unit !== undefined,
      ams_unit_no: unit?.ams_unit_no ?? null,
      slot_no: state.slot_no,
    },
    identifiers: null,
    meta: {
      ...meta,
      assigned: meta.assigned ?? meta.previously_assigned ?? null,
      filament: state.filament ?? {},
      slot_label: state.label ?? null,
    },
  };
}

export function eventIcon(event: SlotEvent): string | undefined {
  return event.meta?.reason === "runout" ? RAN_OUT : ICONS[event.event_type];
}

/** "Spool removed"; "" for an assignment, which its title names. */
export function eventText(hass: Hass, event: SlotEvent): string {
  if (isAssignment(event)) return "";
  return (
    hass.localize(
      `component.filament_slots.entity.event.spool.state_attributes.event_type.state.${event.event_type}`,
    ) || stateText(hass, "event.spool", event.event_type)
  );
}

/** Whether a user assigned a spool, or undid that. */
export function isAssignment(event: SlotEvent): boolean {
  return event.event_type === "assigned" || event.event_type === "unassigned";
}

/** What a row of the history begins with: "PLA Basic", "Identified as Galaxy black" */
export function eventTitle(hass: Hass, event: SlotEvent): string {
  const name = spoolName(hass, event);
  if (!isAssignment(event)) return name;
  const before = event.meta?.previously_assigned;
  if (event.event_type === "assigned" && before)
    return text(hass, "timeline.changed_to", {
      name,
      before: before.label || shortId(before.external_id) || before.external_id || "",
    });
  return text(hass, `timeline.${event.event_type}_as`, { name });
}

/** The id under which the spool of an event is found: its own, else the assigned one. */
export function spoolId(event: SlotEvent): string | undefined {
  return event.identifiers?.external_id ?? event.meta?.assigned?.external_id ?? undefined;
}

/** The user's name of a spool, else its filament's name or material, else its number. */
export function spoolName(hass: Hass, event: SlotEvent): string {
  const { assigned, filament } = event.meta ?? {};
  return (
    assigned?.label ||
    filament?.name ||
    filament?.material ||
    shortId(spoolId(event)) ||
    text(hass, "timeline.unknown_spool")
  );
}

/** `#12` for spool 12 of Spoolman; "" for ids that mean nothing to a reader. */
export function shortId(id: string | null | undefined): string {
  const number = /^spoolman:(\d+)$/.exec(id ?? "")?.[1];
  return number ? `#${number}` : "";
}

/** How many changes of its slot an event counts beside itself. */
export function moreChanges(event: SlotEvent): number {
  const { spool_inserted = 0, spool_removed = 0 } = event.meta?.summary ?? {};
  return spool_inserted + spool_removed;
}

export function eventLook(event: SlotEvent): Look {
  if (event.event_type === "unassigned") return "unidentified";
  const read = Object.values(event.identifiers ?? {}).some(Boolean);
  return read || event.meta?.assigned?.external_id ? "identified" : "unidentified";
}
