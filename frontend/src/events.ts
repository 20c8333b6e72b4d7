/** How spool events are shown: their kinds, icons, names and texts. */

import { type Hass, stateText, text } from "./ha";
import type { SlotEvent } from "./model";
import type { Look } from "./spool";

export const KINDS = ["spool_inserted", "spool_removed", "unknown_spool_detected"];

const RAN_OUT = "mdi:tray-remove";
const ICONS: Record<string, string> = {
  spool_inserted: "mdi:tray-arrow-down",
  spool_removed: "mdi:tray-arrow-up",
  unknown_spool_detected: "mdi:help-circle-outline",
};

export function eventIcon(event: SlotEvent): string | undefined {
  return event.meta?.reason === "runout" ? RAN_OUT : ICONS[event.event_type];
}

/** "Spool removed", "Ran out" */
export function eventText(hass: Hass, event: SlotEvent): string {
  return (
    hass.localize(
      `component.filament_slots.entity.event.spool.state_attributes.event_type.state.${event.event_type}`,
    ) || stateText(hass, "event.spool", event.event_type)
  );
}

/** The id under which the spool of an event is followed: its own, else the assigned one. */
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

export function eventLook(event: SlotEvent): Look {
  const read = Object.values(event.identifiers ?? {}).some(Boolean);
  return read || event.meta?.assigned ? "identified" : "unidentified";
}
