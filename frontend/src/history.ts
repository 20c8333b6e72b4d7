/** What the history states of a day: its events, and what was in the slots on days without any. */

import type { Day } from "./days";
import { type SentEvent, SPOOL_EVENTS, shortId, shownEvent, spoolName } from "./events";
import { type Hass, text } from "./ha";
import { eventsFilter, matches, type Printer, type Row, type Slot, type SlotEvent } from "./model";

/** Days of the timeline: one with events, or consecutive ones without any. */
export interface Period {
  first: string;
  last: string;
  rows: Row[];
}

/** The name of the spool that was in a slot; null: it was empty; undefined: not recorded. */
export type Content = string | null | undefined;

export type Filter = Record<string, string | number>;
export type Ask = (message: Record<string, unknown>) => Promise<{ events: SentEvent[] }>;

const DAY = 86_400_000;

export function dayAfter(day: string, days = 1): string {
  return new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);
}

/** The periods from a day back to that of the oldest event, newest first. */
export function periodsOf(days: readonly Day<Row>[], newest: string): Period[] {
  const periods: Period[] = [];
  let next = newest;
  for (const { day, entries } of days) {
    if (day < next) periods.push({ first: dayAfter(day), last: next, rows: [] });
    periods.push({ first: day, last: day, rows: entries });
    next = dayAfter(day, -1);
  }
  return periods.length > 0 ? periods : [{ first: newest, last: newest, rows: [] }];
}

/** What was in the slot of an event after it. */
export function after(hass: Hass, event: SlotEvent): Content {
  if (event.event_type === "spool_removed") return null;
  return event.event_type === "unassigned" ? filamentName(hass, event) : spoolName(hass, event);
}

/** What was in the slot of an event before it. */
export function before(hass: Hass, event: SlotEvent): Content {
  if (event.event_type === "spool_inserted") return null;
  if (event.event_type !== "assigned") return spoolName(hass, event);
  const assigned = event.meta?.previously_assigned;
  return assigned?.label || filamentName(hass, event);
}

/** What is in a slot now. */
export function present(hass: Hass, slot: Slot): Content {
  if (slot.present === false) return null;
  const { assigned_external_id, assigned_label, filament } = slot;
  const name =
    assigned_label || filament.name || filament.material || shortId(assigned_external_id);
  return name || (slot.present ? text(hass, "timeline.unknown_spool") : undefined);
}

/** Whether an event is about a slot. */
export function isAbout(event: SlotEvent, printers: readonly Printer[], slot: Slot): boolean {
  const printer = printers.find(({ entry_id }) => entry_id === slot.entry_id);
  const filter = eventsFilter(printers, slot.device_id);
  return (
    printer !== undefined &&
    filter !== undefined &&
    event.printer_id === printer.printer_id &&
    matches(event, printer, filter)
  );
}

/**
 * What was in a slot on days without events.
 *
 * events: those of the slot, newest first. day: of the days without events, any.
 * dayOf: the day of an event. otherwise: what was in it if there is no event at all.
 */
export function contentOn(
  hass: Hass,
  events: readonly SlotEvent[],
  day: string,
  dayOf: (event: SlotEvent) => string,
  otherwise: Content,
): Content {
  const earlier = events.find((event) => dayOf(event) < day);
  if (earlier) return after(hass, earlier);
  const later = [...events].reverse().find((event) => dayOf(event) > day);
  return later ? before(hass, later) : otherwise;
}

/** What was in a slot at a time, as the history states it; `now`: what is in it. */
export async function contentAt(
  hass: Hass,
  ask: Ask,
  filter: Filter,
  at: string,
  now: Content,
): Promise<Content> {
  const first = async (message: object) => (await ask({ ...filter, limit: 1, ...message })).events;
  const [earlier] = await first({ ...SPOOL_EVENTS, until: at });
  const shown = earlier && shownEvent(earlier);
  if (shown) return after(hass, shown);
  // Before the slot was first reported nothing is known of it.
  const recorded = await first({ until: at });
  if (recorded.length === 0) return undefined;
  const [later] = await first({ ...SPOOL_EVENTS, since: at, order: "oldest" });
  const next = later && shownEvent(later);
  return next ? before(hass, next) : now;
}

/** What was in a slot in the course of a day: at its start, and after each of its events. */
export function contentsOf(
  hass: Hass,
  events: readonly SlotEvent[],
  start: Content,
): NonNullable<Content>[] | null | undefined {
  const all = [start, ...[...events].reverse().map((event) => after(hass, event))];
  const names = all.filter(
    (content, index): content is string => Boolean(content) && content !== all[index - 1],
  );
  if (names.length > 0) return names;
  return all.includes(null) ? null : undefined;
}

/** "A1 held PLA Matte" of one slot; "A1 PLA Matte · A2 Empty" of several. */
export function sentence(
  hass: Hass,
  slots: readonly { label: string; content: Content }[],
): string {
  const known = slots.filter(({ content }) => content !== undefined);
  const [only] = known;
  if (!only) return text(hass, slots.length > 0 ? "timeline.not_recorded" : "timeline.no_changes");
  if (slots.length === 1)
    return only.content === null
      ? text(hass, "timeline.was_empty", { place: only.label })
      : text(hass, "timeline.held", { place: only.label, spool: only.content ?? "" });
  const empty = hass.localize("component.filament_slots.entity.sensor.status.state.empty");
  return known.map(({ label, content }) => `${label} ${content ?? empty}`).join(" · ");
}

/** The name of the filament alone, without what was assigned. */
function filamentName(hass: Hass, event: SlotEvent): string {
  const { assigned: _, ...meta } = event.meta ?? {};
  return spoolName(hass, { ...event, meta });
}
