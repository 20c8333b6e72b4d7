/** Card with the history of spool events, newest first. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { FeedCard, shared } from "./base";
import { byDay, dayName, dayOf, daysName, startOf } from "./days";
import { eventRow, printerOf } from "./event-row";
import { type SentEvent, SPOOL_EVENTS, shownEvent, spoolId, spoolName } from "./events";
import type { Change } from "./feed";
import { type CardConfig, deviceName, type Hass, text, timeZone } from "./ha";
import {
  type Ask,
  type Content,
  contentAt,
  contentOn,
  contentsOf,
  dayAfter,
  type Filter,
  isAbout,
  type Period,
  periodsOf,
  present,
  sentence,
} from "./history";
import { spoolOf } from "./library";
import {
  eventsFilter,
  layoutOf,
  matches,
  type Printer,
  rowsOf,
  type Slot,
  type SlotEvent,
  withArrived,
  withEvent,
} from "./model";
import { spoolStyles } from "./spool";
import type { SpoolSheet } from "./spool-sheet";
import { timelineStyles } from "./timeline-styles";

const PAGE = 50;
// The contents of more slots fit no line.
const MOST_SLOTS = 8;

export class TimelineCard extends FeedCard {
  private events: SlotEvent[] = [];
  /** Undefined: nothing loaded yet; null: there are no more pages. */
  private cursor: number | null | undefined;
  private requests = 0;
  private failed = false;
  /** The device chosen in the card; overrides the configured one. */
  private place = "";
  private chosen: SlotEvent | undefined;
  /** The day chosen in the card, the newest that is shown; "" for today. */
  private day = "";
  /** What was in the slots when the chosen day began, by their devices. */
  private starts = new Map<string, Content>();

  private readonly sight = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) void this.more();
  });

  override setConfig(config: CardConfig): void {
    const before = this.device;
    super.setConfig(config);
    if (this.device !== before) {
      this.place = "";
      void this.reload();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sight.disconnect();
  }

  protected override feedChanged(change?: Change): void {
    super.feedChanged(change);
    const filter = this.filter;
    if (!change?.event) {
      if (!change || this.failed) void this.reload();
    } else if (filter) {
      const event = shownEvent({ ...change.event, entry_id: change.printer.entry_id });
      const later = event && this.day && this.dayOf(event) > this.day;
      if (event && !later && matches(event, change.printer, filter, this.spool))
        this.events = withEvent(this.events, event);
    }
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    this.sight.disconnect();
    const end = this.renderRoot.querySelector(".end");
    if (end) this.sight.observe(end);
  }

  protected override content(hass: Hass): TemplateResult {
    const printers = this.feed?.printers ?? [];
    return html`<header>
        <h2>${this.heading || text(hass, "timeline.title")}</h2>
        <div class="filters">${this.placePicker(hass, printers)}${this.dayPicker(hass)}</div>
      </header>
      ${
        this.chosen
          ? html`<div class="chosen"><button class="chip" @click=${() => this.choose(undefined)}>
            <ha-icon .icon=${"mdi:filter-remove-outline"}></ha-icon>
            ${text(hass, "timeline.only_spool", { name: spoolName(hass, this.chosen) })}</button></div>`
          : nothing
      }
      ${this.answer(hass)}
      ${this.list(hass)}
      <filament-slots-spool-sheet .hass=${hass}></filament-slots-spool-sheet>`;
  }

  /** What was in the slots on the chosen day. */
  private answer(hass: Hass): TemplateResult | typeof nothing {
    if (!this.day || this.cursor === undefined || this.failed) return nothing;
    const day = dayName(this.day, new Date(), timeZone(hass), hass.locale.language);
    return html`<p class="answer" role="status" dir="auto"><b>${day}</b> · ${this.contents(hass)}</p>`;
  }

  private contents(hass: Hass): string {
    const onDay = (event: SlotEvent) => this.dayOf(event) === this.day;
    if (this.follows) return this.whereabouts(hass, dayAfter(this.day));
    const slots = this.slots.map((slot) => {
      const events = this.eventsOf(slot).filter(onDay);
      const contents = contentsOf(hass, events, this.starts.get(slot.device_id));
      return {
        label: this.labelOf(hass, slot),
        content: Array.isArray(contents) ? contents.join(" → ") : contents,
      };
    });
    if (slots.length > 0) return sentence(hass, slots);
    const count = rowsOf(this.events).filter(({ event }) => onDay(event)).length;
    return text(hass, "timeline.choose_slot", { count });
  }

  /** Where the followed spool was before a day. */
  private whereabouts(hass: Hass, day: string): string {
    const event = this.events.find((one) => this.dayOf(one) < day);
    if (!event) return text(hass, "timeline.not_recorded");
    const spool = spoolName(hass, this.chosen ?? event);
    if (["spool_removed", "unassigned"].includes(event.event_type))
      return text(hass, "timeline.was_nowhere", { spool });
    const label = event.meta?.slot_label ?? String(event.slot.slot_no);
    const printer = printerOf(hass, this.feed?.printers ?? [], event);
    return text(hass, "timeline.was_in", { spool, place: `${printer} · ${label}` });
  }

  private list(hass: Hass): TemplateResult {
    if (this.failed || (this.feed?.failed && this.events.length === 0))
      return this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"));
    if (this.cursor === undefined) return this.note("mdi:history", text(hass, "card.loading"));
    if (this.events.length === 0 && !this.day)
      return this.note("mdi:history", text(hass, "timeline.nothing"));
    const zone = timeZone(hass);
    const { language } = hass.locale;
    const now = new Date();
    const printers = this.feed?.printers ?? [];
    const follow = this.chosen ? undefined : (event: SlotEvent) => this.choose(event);
    // The order of history may differ from that of time, where a clock was wrong.
    const rows = rowsOf(this.events).sort((one, other) =>
      this.dayOf(other.event).localeCompare(this.dayOf(one.event)),
    );
    const days = byDay(rows, ({ event }) => event.event_at, zone);
    return html`<div class="list" tabindex="0" role="region" aria-label=${this.heading || text(hass, "timeline.title")}>
      ${repeat(
        periodsOf(days, this.day || dayOf(now, zone)),
        ({ last }) => last,
        (period) => html`
        <h3 class="day">${daysName(period.first, period.last, now, zone, language)}</h3>
        ${
          period.rows.length > 0
            ? html`<ul>${repeat(
                period.rows,
                ({ event }) => event.event_id,
                (row) => eventRow(hass, printers, row, (event) => this.about(event), follow),
              )}</ul>`
            : html`<p class="quiet secondary" dir="auto">${this.quiet(hass, period)}</p>`
        }`,
      )}
      ${this.cursor === null ? nothing : html`<div class="end"></div>`}
    </div>`;
  }

  /** What was in the slots on days without events. */
  private quiet(hass: Hass, { first }: Period): string {
    if (this.follows) return this.whereabouts(hass, first);
    const slots = this.slots.map((slot) => ({
      label: this.labelOf(hass, slot),
      content: contentOn(
        hass,
        this.eventsOf(slot),
        first,
        (event) => this.dayOf(event),
        this.day ? this.starts.get(slot.device_id) : present(hass, slot),
      ),
    }));
    return sentence(hass, slots);
  }

  private placePicker(hass: Hass, printers: readonly Printer[]): TemplateResult | typeof nothing {
    // A spool may have been anywhere.
    const within = this.chosen ? undefined : this.device;
    const places = layoutOf(printers, within).flatMap(({ printer, boxes }) => {
      const name = deviceName(hass, printer.device_id, printer.name);
      const slots = boxes.flatMap(({ bays }) => bays.flatMap(({ slot }) => (slot ? [slot] : [])));
      return [
        ...(printer.device_id && (!within || within === printer.device_id)
          ? [{ id: printer.device_id, name }]
          : []),
        ...slots.map((slot) => ({
          id: slot.device_id,
          name: `${name} · ${slot.label ?? slot.slot_no}`,
        })),
      ];
    });
    if (places.length < 2) return nothing;
    return html`<select
      aria-label=${text(hass, "timeline.place")}
      .value=${live(this.place)}
      @change=${(event: Event) => {
        this.place = (event.target as HTMLSelectElement).value;
        void this.reload();
      }}
    >
      <option value="" ?selected=${!this.place}>${text(hass, "timeline.everywhere")}</option>
      ${places.map(({ id, name }) => html`<option value=${id} ?selected=${id === this.place}>${name}</option>`)}
    </select>`;
  }

  private dayPicker(hass: Hass): TemplateResult {
    return html`<input type="date" aria-label=${text(hass, "timeline.day")} title=${text(hass, "timeline.day")}
        max=${dayOf(new Date(), timeZone(hass))} .value=${live(this.day)}
        @change=${(event: Event) => this.chooseDay((event.target as HTMLInputElement).value)} />
      ${
        this.day
          ? html`<button class="icon" aria-label=${text(hass, "timeline.all_days")} title=${text(hass, "timeline.all_days")}
            @click=${() => this.chooseDay("")}><ha-icon .icon=${"mdi:close"}></ha-icon></button>`
          : nothing
      }`;
  }

  /** Follow a spool wherever it was, or all of them again. */
  private async choose(event: SlotEvent | undefined): Promise<void> {
    this.chosen = event;
    this.place = "";
    await this.reload();
    // The button that was pressed is gone.
    this.renderRoot.querySelector<HTMLElement>(event ? ".chosen button" : ".list")?.focus();
  }

  /** Open the dialog of the spool of an event. */
  private about(event: SlotEvent): void {
    const id = spoolId(event);
    const sheet = this.renderRoot.querySelector<SpoolSheet>("filament-slots-spool-sheet");
    if (id) void sheet?.open((spools) => spoolOf(spools, id));
  }

  private chooseDay(day: string): void {
    this.day = day;
    void this.reload();
  }

  private dayOf(event: SlotEvent): string {
    return dayOf(event.event_at, timeZone(this.hass as Hass));
  }

  /** Whether a spool is followed, wherever it was. */
  private get follows(): boolean {
    return this.chosen !== undefined && !this.place;
  }

  /** The slots whose contents are named: those of the place, unless they are too many. */
  private get slots(): Slot[] {
    const slots = layoutOf(this.feed?.printers ?? [], this.place || this.device).flatMap(
      ({ boxes }) => boxes.flatMap(({ bays }) => bays.flatMap(({ slot }) => slot ?? [])),
    );
    return slots.length > MOST_SLOTS ? [] : slots;
  }

  /** "A1"; with its printer where the slots are of several. */
  private labelOf(hass: Hass, slot: Slot): string {
    const label = slot.label ?? String(slot.slot_no);
    if (this.slots.every(({ entry_id }) => entry_id === slot.entry_id)) return label;
    const printer = this.feed?.printers?.find(({ entry_id }) => entry_id === slot.entry_id);
    return printer ? `${deviceName(hass, printer.device_id, printer.name)} ${label}` : label;
  }

  private eventsOf(slot: Slot): SlotEvent[] {
    const printers = this.feed?.printers ?? [];
    return this.events.filter((event) => isAbout(event, printers, slot));
  }

  private get spool(): string | undefined {
    return this.chosen && spoolId(this.chosen);
  }

  /** Undefined when the device is unknown or was removed. */
  private get filter(): Filter | undefined {
    // The history of one spool spans all printers.
    const device = this.place || (this.chosen ? "" : this.device);
    return device ? eventsFilter(this.feed?.printers ?? [], device) : {};
  }

  private async reload(): Promise<void> {
    this.cursor = undefined;
    // From here on it holds what arrives while the page is asked for.
    this.events = [];
    await this.load();
    await this.updateComplete;
    this.renderRoot.querySelector(".list")?.scrollTo(0, 0);
  }

  private async more(): Promise<void> {
    if (typeof this.cursor === "number") await this.load(this.cursor);
  }

  private async load(cursor?: number): Promise<void> {
    const hass = this.hass;
    if (!hass || !this.feed?.printers) return;
    const request = ++this.requests;
    const ask = <T>(message: object) =>
      hass.connection.sendMessagePromise<T>({ type: "filament_slots/events", ...message });
    try {
      const filter = this.filter;
      const until = this.day && startOf(dayAfter(this.day), timeZone(hass)).toISOString();
      const page = filter
        ? await ask<{ events: SentEvent[]; cursor: number | null }>({
            ...SPOOL_EVENTS,
            limit: PAGE,
            ...filter,
            ...(this.spool ? { external_id: this.spool } : {}),
            ...(until ? { until } : {}),
            ...(cursor === undefined ? {} : { cursor }),
          })
        : { events: [], cursor: null };
      const starts =
        cursor === undefined && this.day ? await this.startsOf(hass, ask) : this.starts;
      if (request !== this.requests) return;
      const events = page.events.flatMap((event) => shownEvent(event) ?? []);
      this.events =
        cursor === undefined ? withArrived(events, this.events) : [...this.events, ...events];
      this.cursor = page.cursor;
      this.starts = starts;
      this.failed = false;
    } catch {
      if (request !== this.requests) return;
      this.failed = true;
    }
    this.requestUpdate();
  }

  /** Ask what was in the slots when the chosen day began. */
  private async startsOf(hass: Hass, ask: Ask): Promise<Map<string, Content>> {
    const printers = this.feed?.printers ?? [];
    const at = startOf(this.day, timeZone(hass)).toISOString();
    const asked = this.slots.map(async (slot): Promise<[string, Content]> => {
      const filter = eventsFilter(printers, slot.device_id) as Filter;
      return [slot.device_id, await contentAt(hass, ask, filter, at, present(hass, slot))];
    });
    return new Map(await Promise.all(asked));
  }

  static override styles = [shared, spoolStyles, timelineStyles];
}
