/** Where a spool has been: its stays in slots, put together from its history. */

import { isAssignment } from "./events";
import type { SlotEvent } from "./model";

/** A time in a slot. */
export interface Stay {
  /** An event of the stay, which names the slot. */
  event: SlotEvent;
  /** Undefined where the history does not hold it. */
  from: string | undefined;
  until: string | undefined;
  /** Whether nothing is recorded that ended it. */
  open: boolean;
}

const BEGINS = new Set(["spool_inserted", "assigned"]);
const ENDS = new Set(["spool_removed", "unassigned"]);

/** The stays of a spool, newest first. events: its history, newest first. */
export function staysOf(events: readonly SlotEvent[]): Stay[] {
  const stays: Stay[] = [];
  const open = new Map<string, Stay>();
  for (const event of [...events].reverse()) {
    const place = placeOf(event);
    const now = open.get(place);
    if (BEGINS.has(event.event_type)) {
      // It was named while it was in the slot.
      if (now && isAssignment(event)) continue;
      if (now) now.open = false;
      const stay = { event, from: event.event_at, until: undefined, open: true };
      stays.push(stay);
      open.set(place, stay);
    } else if (ENDS.has(event.event_type)) {
      const stay = now ?? { event, from: undefined, until: undefined, open: false };
      if (!now) stays.push(stay);
      Object.assign(stay, { until: event.event_at, open: false });
      open.delete(place);
    }
  }
  return stays.reverse();
}

/** The slot of an event, among those of all printers. */
export function placeOf({ printer_id, slot }: SlotEvent): string {
  return `${printer_id} ${slot.is_ams_slot ? slot.ams_unit_no : ""} ${slot.slot_no}`;
}
