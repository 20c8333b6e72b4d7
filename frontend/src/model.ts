/** Printers, units, slots and events as the websocket sends them, and their layout on the cards. */

export interface Filament {
  name?: string | undefined;
  material?: string | undefined;
  vendor?: string | undefined;
  color_hex?: string;
  colors?: string[];
  remaining_percent?: number | undefined;
  remaining_g?: number | undefined;
  nozzle_min_c?: number;
  nozzle_max_c?: number;
}

export interface Identifiers {
  rfid_uid: string | null;
  external_id: string | null;
  vendor_tag: string | null;
}

export type Status = "empty" | "unidentified" | "identified";

/** What the spool in a slot is known from. */
export type LinkSource = "printer" | "assigned" | "link" | "tag";

/** The spool of an inventory in a slot. */
export interface SlotSpool {
  inventory_entry_id: string;
  id: number;
  name: string | null;
  vendor: string | null;
  material: string | null;
  colors: string[];
  remaining_g: number | null;
  weight_g: number | null;
  remaining_percent: number | null;
  low: boolean | null;
  mismatch: boolean | null;
  url: string;
  source: LinkSource;
  location: string | null;
  location_ours: boolean;
}

export interface Slot {
  entry_id: string;
  device_id: string;
  unit: string | null;
  slot_no: number;
  label: string | null;
  present: boolean | null;
  status: Status | null;
  active: boolean | null;
  identifiers: Identifiers;
  assigned_external_id: string | null;
  assigned_label: string | null;
  filament: Filament;
  spool: SlotSpool | null;
  /** Whether a user can link its spool to one of an inventory. */
  linkable: boolean;
  inserted_at: string | null;
}

export interface Unit {
  key: string;
  device_id: string;
  ams_unit_no: number;
  slots_total: number;
  model: string | null;
  label: string | null;
  online: boolean | null;
  drying: boolean | null;
  humidity_percent: number | null;
  humidity_index: number | null;
  temperature_c: number | null;
  drying_minutes_left: number | null;
}

/** A spool that a user announced: the next one of a printer, or of any. */
export interface Announced {
  printer_id: number | null;
  external_id: string;
  label: string | null;
  until: string;
  taken_at: string | null;
  taken_by: number | null;
  taken_in: string | null;
}

export interface Printer {
  entry_id: string;
  printer_id: number | null;
  device_id: string | null;
  name: string;
  state: string;
  connected: boolean;
  status: string | null;
  error: string | null;
  last_seen: string | null;
  units: Unit[];
  slots: Slot[];
  announced: Announced[];
}

export interface Assigned {
  external_id?: string;
  label?: string | null;
}

export interface SlotEvent {
  event_id: string;
  event_type: string;
  event_at: string;
  printer_id: number;
  entry_id?: string | null;
  slot: { is_ams_slot: boolean; ams_unit_no: number | null; slot_no: number };
  identifiers: Identifiers | null;
  meta?: {
    source?: string;
    detected_late?: boolean;
    reason?: string;
    replay?: unknown;
    persisted?: boolean;
    filament?: Filament;
    assigned?: Assigned | null;
    /** Of an assignment: what was assigned before. */
    previously_assigned?: Assigned | null;
    unit?: { label?: string | null };
    slot_label?: string | null;
    /** Of an event that counts the changes after it: how many of each type. */
    summary?: { spool_inserted: number; spool_removed: number };
  } | null;
}

/** A bay of a unit; without a slot when the printer never reported one there. */
export interface Bay {
  slot_no: number;
  slot?: Slot;
  /** Whether a filter leaves its place empty. */
  hidden?: boolean;
}

/** One box of the card: a unit with its bays, or the slots outside any unit. */
export interface Box {
  unit?: Unit;
  bays: Bay[];
}

/** One printer on the card. */
export interface PrinterLayout {
  printer: Printer;
  boxes: Box[];
}

const MOST_BAYS = 64;

/**
 * The printers, units and slots a card shows.
 *
 * device: the device of a printer, a unit or a slot; without it all printers are shown.
 */
export function layoutOf(printers: readonly Printer[], device?: string): PrinterLayout[] {
  return printers
    .map((printer) => ({ printer, boxes: boxesOf(printer, device) }))
    .filter(({ printer, boxes }) => !device || device === printer.device_id || boxes.length > 0);
}

function boxesOf(printer: Printer, device?: string): Box[] {
  const whole = !device || device === printer.device_id;
  const units = [...printer.units].sort((a, b) => a.ams_unit_no - b.ams_unit_no);
  const boxes: Box[] = units.map((unit) => ({
    unit,
    bays: baysOf(
      unit,
      printer.slots.filter((slot) => slot.unit === unit.key),
    ),
  }));
  const direct = printer.slots.filter((slot) => slot.unit === null).sort(byNumber);
  boxes.push({ bays: direct.map((slot) => ({ slot_no: slot.slot_no, slot })) });
  return boxes
    .map((box) =>
      whole || box.unit?.device_id === device
        ? box
        : { ...box, bays: box.bays.filter(({ slot }) => slot?.device_id === device) },
    )
    .filter((box) => box.bays.length > 0);
}

/** The boxes that share a line: a few slots outside any unit stand beside the last unit. */
export function groupsOf(boxes: readonly Box[]): Box[][] {
  const last = boxes.at(-1);
  const unit = boxes.at(-2);
  if (!last || !unit || last.unit || last.bays.length > 2) return boxes.map((box) => [box]);
  return [...boxes.slice(0, -2).map((box) => [box]), [unit, last]];
}

/** All bays of a unit, including those that the printer has not reported. */
export function baysOf(unit: Pick<Unit, "slots_total">, slots: readonly Slot[]): Bay[] {
  const known = new Map(slots.map((slot) => [slot.slot_no, slot]));
  const last = Math.max(Math.min(unit.slots_total, MOST_BAYS), ...known.keys(), 0);
  return Array.from({ length: last }, (_, index) => {
    const slot = known.get(index + 1);
    return slot ? { slot_no: index + 1, slot } : { slot_no: index + 1 };
  });
}

/** The number of bays in a row: all of up to five, else rows of equal length. */
export function columnsFor(bays: number, most: number): number {
  const width = Math.max(1, most);
  if (bays <= Math.min(5, width)) return Math.max(1, bays);
  return Math.ceil(bays / Math.ceil(bays / Math.min(width, 8)));
}

/** The title of a unit, as on the printer: "AMS 2 Pro B", "AMS HT-A", "Turtle 1" */
export function unitTitle({ ams_unit_no, label, model }: Unit): string {
  const kind = (model ?? "AMS").replaceAll("_", " ");
  const name = (label ?? String(ams_unit_no)).replaceAll("_", " ");
  if (kind.endsWith(` ${name}`)) return kind;
  // "Box 1" and "Turtle 1" are names; "A" and "T1" only distinguish units of one model.
  if (/\p{L}{3}/u.test(name)) return name;
  const words = kind.split(" ");
  // "HT-A" has the end of "AMS HT" in it.
  if (name.startsWith(`${words.at(-1)}-`)) words.pop();
  return [...words, name].join(" ");
}

/** The filter of the history command for a device; undefined for an unknown device. */
export function eventsFilter(
  printers: readonly Printer[],
  device: string,
): Record<string, string | number> | undefined {
  for (const printer of printers) {
    const entry_id = printer.entry_id;
    if (printer.device_id === device) return { entry_id };
    const unit = printer.units.find((one) => one.device_id === device);
    if (unit) return { entry_id, unit: unit.key };
    const slot = printer.slots.find((one) => one.device_id === device);
    if (slot)
      return {
        entry_id,
        slot_no: slot.slot_no,
        ...(slot.unit === null ? {} : { unit: slot.unit }),
      };
  }
  return undefined;
}

/** Whether a new event belongs to a history with this filter. */
export function matches(
  event: SlotEvent,
  printer: Printer,
  filter: Record<string, string | number>,
  spool?: string,
): boolean {
  if (
    spool &&
    event.identifiers?.external_id !== spool &&
    event.meta?.assigned?.external_id !== spool
  )
    return false;
  if (filter.entry_id === undefined) return true;
  if (filter.entry_id !== printer.entry_id) return false;
  const unit = printer.units.find((one) => one.key === filter.unit);
  if (filter.unit !== undefined && event.slot.ams_unit_no !== unit?.ams_unit_no) return false;
  if (filter.slot_no === undefined) return true;
  return (
    event.slot.slot_no === filter.slot_no && event.slot.is_ams_slot === (filter.unit !== undefined)
  );
}

/** A history, newest first, with a new event on top; a known or re-fired one stays in its place. */
export function withEvent(events: readonly SlotEvent[], added: SlotEvent): SlotEvent[] {
  const known = events.some(({ event_id }) => event_id === added.event_id);
  if (known) return events.map((event) => (event.event_id === added.event_id ? added : event));
  return added.meta?.replay ? [...events] : [added, ...events];
}

/** The newest page of a history with what arrived, newest first, while it was asked for. */
export function withArrived(
  page: readonly SlotEvent[],
  arrived: readonly SlotEvent[],
): SlotEvent[] {
  return arrived.reduceRight(withEvent, [...page]);
}

/** One row of the timeline: an event, and whether its spool could not be identified. */
export interface Row {
  event: SlotEvent;
  unidentified: boolean;
}

/** The rows of a history, newest first: an insertion and its *unknown* are one. */
export function rowsOf(events: readonly SlotEvent[]): Row[] {
  const unknown = new Map<string, Row>();
  const folded = new Set<Row>();
  const rows = events.map((event): Row => {
    const { printer_id, slot } = event;
    const place = `${printer_id} ${slot.ams_unit_no} ${slot.slot_no}`;
    const row = { event, unidentified: event.event_type === "unknown_spool_detected" };
    const later = unknown.get(place);
    if (later && event.event_type === "spool_inserted") {
      folded.add(later);
      row.unidentified = true;
    }
    if (event.event_type === "unknown_spool_detected") unknown.set(place, row);
    else unknown.delete(place);
    return row;
  });
  return rows.filter((row) => !folded.has(row));
}

const byNumber = (a: Slot, b: Slot) => a.slot_no - b.slot_no;
