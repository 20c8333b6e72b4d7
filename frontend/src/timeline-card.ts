/** Card with the history of spool events, newest first. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { FeedCard, shared } from "./base";
import { byDay, dayName } from "./days";
import {
  eventIcon,
  eventLook,
  eventText,
  eventTitle,
  type SentEvent,
  SPOOL_EVENTS,
  shownEvent,
  spoolId,
  spoolName,
} from "./events";
import type { Change } from "./feed";
import { type CardConfig, deviceName, type Hass, stateText, text, timeZone } from "./ha";
import {
  eventsFilter,
  layoutOf,
  matches,
  type Printer,
  type Row,
  rowsOf,
  type SlotEvent,
  withEvent,
} from "./model";
import { spool, spoolStyles } from "./spool";

const PAGE = 50;

export class TimelineCard extends FeedCard {
  private events: SlotEvent[] = [];
  /** Undefined: nothing loaded yet; null: there are no more pages. */
  private cursor: number | null | undefined;
  private requests = 0;
  private failed = false;
  /** The device chosen in the card; overrides the configured one. */
  private place = "";
  private chosen: SlotEvent | undefined;

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
      if (event && matches(event, change.printer, filter, this.spool))
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
        ${this.placePicker(hass, printers)}
      </header>
      ${
        this.chosen
          ? html`<div class="chosen"><button class="chip" @click=${() => this.choose(undefined)}>
            <ha-icon .icon=${"mdi:filter-remove-outline"}></ha-icon>
            ${text(hass, "timeline.only_spool", { name: spoolName(hass, this.chosen) })}</button></div>`
          : nothing
      }
      ${this.list(hass, printers)}`;
  }

  private list(hass: Hass, printers: readonly Printer[]): TemplateResult {
    if (this.failed || (this.feed?.failed && this.events.length === 0))
      return this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"));
    if (this.cursor === undefined) return this.note("mdi:history", text(hass, "card.loading"));
    if (this.events.length === 0) return this.note("mdi:history", text(hass, "timeline.nothing"));
    const zone = timeZone(hass);
    const { language } = hass.locale;
    return html`<div class="list" tabindex="0" role="region" aria-label=${this.heading || text(hass, "timeline.title")}>
      ${repeat(
        byDay(rowsOf(this.events), ({ event }) => event.event_at, zone),
        ({ day }) => day,
        ({ day, entries }) => html`
        <h3 class="day">${dayName(day, new Date(), zone, language)}</h3>
        <ul>${repeat(
          entries,
          ({ event }) => event.event_id,
          (row) => this.row(hass, printers, row),
        )}</ul>`,
      )}
      ${this.cursor === null ? nothing : html`<div class="end"></div>`}
    </div>`;
  }

  private row(
    hass: Hass,
    printers: readonly Printer[],
    { event, unidentified }: Row,
  ): TemplateResult {
    const meta = event.meta ?? {};
    const printer = printers.find(
      (one) => one.entry_id === event.entry_id || one.printer_id === event.printer_id,
    );
    const where = [
      meta.slot_label ?? String(event.slot.slot_no),
      eventText(hass, event),
      !printer
        ? text(hass, "timeline.removed_printer")
        : printers.length > 1
          ? deviceName(hass, printer.device_id, printer.name)
          : "",
    ]
      .filter(Boolean)
      .join(" · ");
    const time = new Intl.DateTimeFormat(hass.locale.language, {
      timeStyle: "short",
      timeZone: timeZone(hass),
    });
    const folded = unidentified && event.event_type === "spool_inserted";
    const chips = [
      folded ? stateText(hass, "sensor.status", "unidentified") : "",
      meta.reason === "runout"
        ? hass.localize(
            "component.filament_slots.entity.event.spool.state_attributes.reason.state.runout",
          )
        : "",
      meta.detected_late ? text(hass, "timeline.late") : "",
      meta.replay ? text(hass, "timeline.replayed") : "",
      meta.persisted === false ? text(hass, "timeline.not_stored") : "",
    ];
    return html`<li>
      <time class="secondary" datetime=${event.event_at}>${time.format(new Date(event.event_at))}</time>
      <ha-icon class=${event.event_type} .icon=${eventIcon(event)}></ha-icon>
      ${spool(eventLook(event), { ...meta.filament, remaining_percent: undefined })}
      <div class="what">
        <div dir="auto">${eventTitle(hass, event)} ${chips.filter(Boolean).map((chip) => html`<span class="chip">${chip}</span> `)}</div>
        <div class="secondary where" dir="auto" title=${where}>${where}</div>
      </div>
      ${
        spoolId(event) && !this.chosen
          ? html`<button class="icon" aria-label=${text(hass, "timeline.follow_spool", { name: spoolName(hass, event) })}
            title=${text(hass, "timeline.follow_spool", { name: spoolName(hass, event) })}
            @click=${() => this.choose(event)}><ha-icon .icon=${"mdi:map-marker-path"}></ha-icon></button>`
          : nothing
      }
    </li>`;
  }

  private placePicker(hass: Hass, printers: readonly Printer[]): TemplateResult | typeof nothing {
    const places = layoutOf(printers, this.device).flatMap(({ printer, boxes }) => {
      const name = deviceName(hass, printer.device_id, printer.name);
      const slots = boxes.flatMap(({ bays }) => bays.flatMap(({ slot }) => (slot ? [slot] : [])));
      return [
        ...(printer.device_id && (!this.device || this.device === printer.device_id)
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
      @change=${(event: Event) => {
        this.place = (event.target as HTMLSelectElement).value;
        void this.reload();
      }}
    >
      <option value="" ?selected=${!this.place}>${text(hass, "timeline.everywhere")}</option>
      ${places.map(({ id, name }) => html`<option value=${id} ?selected=${id === this.place}>${name}</option>`)}
    </select>`;
  }

  private choose(event: SlotEvent | undefined): void {
    this.chosen = event;
    void this.reload();
  }

  private get spool(): string | undefined {
    return this.chosen && spoolId(this.chosen);
  }

  /** Undefined when the device is unknown or was removed. */
  private get filter(): Record<string, string | number> | undefined {
    const device = this.place || this.device;
    // The history of one spool spans all printers.
    if (!device || this.chosen) return {};
    return eventsFilter(this.feed?.printers ?? [], device);
  }

  private async reload(): Promise<void> {
    this.cursor = undefined;
    await this.load();
    this.renderRoot.querySelector(".list")?.scrollTo(0, 0);
  }

  private async more(): Promise<void> {
    if (typeof this.cursor === "number") await this.load(this.cursor);
  }

  private async load(cursor?: number): Promise<void> {
    const hass = this.hass;
    if (!hass || !this.feed?.printers) return;
    const request = ++this.requests;
    try {
      const filter = this.filter;
      const page = filter
        ? await hass.connection.sendMessagePromise<{ events: SentEvent[]; cursor: number | null }>({
            type: "filament_slots/events",
            ...SPOOL_EVENTS,
            limit: PAGE,
            ...filter,
            ...(this.spool ? { external_id: this.spool } : {}),
            ...(cursor === undefined ? {} : { cursor }),
          })
        : { events: [], cursor: null };
      if (request !== this.requests) return;
      const events = page.events.flatMap((event) => shownEvent(event) ?? []);
      this.events = cursor === undefined ? events : [...this.events, ...events];
      this.cursor = page.cursor;
      this.failed = false;
    } catch {
      if (request !== this.requests) return;
      this.failed = true;
    }
    this.requestUpdate();
  }

  static override styles = [
    shared,
    spoolStyles,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 8px;
        padding: 12px 16px 8px;
      }
      select {
        font: inherit;
        max-width: 100%;
        min-height: 44px;
        padding: 4px 8px;
        color: var(--primary-text-color);
        background: var(--paper);
        border: 1px solid var(--edge);
        border-radius: var(--ha-border-radius-md, 8px);
      }
      .chosen {
        padding: 0 16px 8px;
      }
      .list {
        overflow-y: auto;
        max-height: var(--filament-slots-timeline-height, 480px);
        padding: 0 16px 12px;
        overscroll-behavior: contain;
      }
      .day {
        position: sticky;
        top: 0;
        z-index: 1;
        padding: 6px 0;
        font-size: var(--ha-font-size-s, 12px);
        background: var(--paper);
        border-block-end: 1px solid var(--divider-color);
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        display: flex;
        align-items: center;
        gap: 10px;
        padding: 8px 0;
        --spool-size: 28px;
        --ink: transparent;
      }
      .list {
        container-type: inline-size;
      }
      @container (max-width: 280px) {
        li {
          flex-wrap: wrap;
          gap: 2px 8px;
        }
        .what {
          flex-basis: 100%;
          order: 1;
        }
      }
      time {
        flex: none;
        min-width: 3.6em;
        font-variant-numeric: tabular-nums;
      }
      .what {
        flex: 1;
        min-width: 0;
        overflow-wrap: break-word;
        line-height: 1.35;
      }
      .where {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .icon {
        min-width: 44px;
        min-height: 44px;
        border-radius: 50%;
        color: var(--secondary-text-color);
      }
      .icon:hover {
        background: var(--tint);
      }
      .end {
        height: 1px;
      }
    `,
  ];
}
