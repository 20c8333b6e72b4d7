/** What is known of a spool: what is left, where it is, and where it has been. */

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { shared } from "./base";
import { ago } from "./days";
import { printerOf } from "./event-row";
import { type SentEvent, SPOOL_EVENTS, shownEvent } from "./events";
import { feedOf } from "./feed";
import { type Hass, text, timeZone } from "./ha";
import type { AnySpool, SpoolSlot } from "./library";
import type { SlotEvent } from "./model";
import { leftTexts, lowChip, placeText, spoolLink } from "./spool-row";
import { type Stay, staysOf } from "./stays";

const PAGE = 100;

interface Page {
  events: SentEvent[];
  cursor: number | null;
}

export class SpoolDetails extends LitElement {
  static override properties = { hass: { attribute: false }, spool: { attribute: false } };

  declare hass?: Hass;
  declare spool?: AnySpool;
  /** The history of the spool, newest first; undefined until it is loaded. */
  private events: SlotEvent[] | undefined;
  private cursor: number | null = null;
  private requests = 0;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("spool")) return;
    const before = changed.get("spool") as AnySpool | undefined;
    if (before?.id !== this.spool?.id) this.events = undefined;
    else if (before && sameStays(before, this.spool)) return;
    void this.load();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass, spool } = this;
    if (!hass || !spool) return nothing;
    const stays = this.events && staysOf(this.events);
    return html`<dl>${this.facts(hass, spool, stays ?? []).map(
      ([key, value]) => html`<div><dt>${text(hass, key)}</dt><dd dir="auto">${value}</dd></div>`,
    )}</dl>
      ${
        spool.slots.length > 1
          ? html`<p class="warning" role="status"><ha-icon .icon=${"mdi:alert-outline"}></ha-icon>
            ${text(hass, "spool.several")}</p>`
          : nothing
      }
      ${stays?.length ? this.timeline(hass, spool, stays) : nothing}
      ${spool.url ? html`<p class="link">${spoolLink(hass, spool.url)}</p>` : nothing}`;
  }

  private facts(
    hass: Hass,
    spool: AnySpool,
    stays: readonly Stay[],
  ): [string, TemplateResult | string][] {
    const [current] = stays.filter((stay) => isNow(spool, stay));
    const time = this.clock(hass);
    const facts: [string, TemplateResult | string | null | undefined][] = [
      ["sheet.material", spool.material],
      ["sheet.maker", spool.vendor],
      ["sheet.remaining", this.remaining(hass, spool)],
      ["spool.place", spool.slots.map(placeText).join(", ")],
      ["spool.since", current?.from && time.format(new Date(current.from))],
      ["spool.out_since", spool.out_since && time.format(new Date(spool.out_since))],
      ["spool.last_place", spool.out_since && spool.last_slot && placeText(spool.last_slot)],
      ["spool.location", spool.location],
    ];
    return facts.filter((fact): fact is [string, TemplateResult | string] => Boolean(fact[1]));
  }

  /** What is left, as last observed, and by which slot. */
  private remaining(hass: Hass, spool: AnySpool): TemplateResult | undefined {
    const { remaining_at, remaining_from } = spool;
    const left = leftTexts(hass, spool);
    if (left.length === 0) return undefined;
    return html`${left.join(" · ")} ${spool.low ? lowChip(hass) : nothing}
      <span class="secondary">${[
        remaining_from ? placeText(remaining_from) : "",
        remaining_at ? ago(remaining_at, new Date(), hass.locale.language) : "",
      ]
        .filter(Boolean)
        .join(" · ")}</span>`;
  }

  private timeline(hass: Hass, spool: AnySpool, stays: readonly Stay[]): TemplateResult {
    const printers = feedOf(hass.connection).printers ?? [];
    return html`<h3>${text(hass, "spool.history")}</h3>
      <ol>${stays.map(
        (stay) => html`<li class=${isNow(spool, stay) ? "now" : ""}>
          <span dir="auto">${printerOf(hass, printers, stay.event)} ·
            ${stay.event.meta?.slot_label ?? stay.event.slot.slot_no}</span>
          <span class="secondary">${this.period(hass, stay, isNow(spool, stay))}</span></li>`,
      )}</ol>
      ${
        this.cursor === null
          ? nothing
          : html`<button class="chip earlier" @click=${() => this.load(this.cursor)}>
            ${text(hass, "spool.earlier")}</button>`
      }`;
  }

  private period(hass: Hass, { from, until }: Stay, now: boolean): string {
    const time = this.clock(hass);
    if (from && until) return time.formatRange(new Date(from), new Date(until));
    if (until) return text(hass, "spool.until", { time: time.format(new Date(until)) });
    const since = { time: time.format(new Date(from as string)) };
    return text(hass, now ? "spool.now" : "spool.end_unknown", since);
  }

  private clock(hass: Hass): Intl.DateTimeFormat {
    return new Intl.DateTimeFormat(hass.locale.language, {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: timeZone(hass),
    });
  }

  /** Load the newest page of the history, or the one after a cursor. */
  private async load(cursor: number | null = null): Promise<void> {
    const { hass, spool } = this;
    if (!hass || !spool || spool.id === null) return;
    const request = ++this.requests;
    try {
      const page = await hass.connection.sendMessagePromise<Page>({
        type: "filament_slots/events",
        ...SPOOL_EVENTS,
        spool_id: spool.id,
        limit: PAGE,
        ...(cursor === null ? {} : { cursor }),
      });
      if (request !== this.requests) return;
      const events = page.events.flatMap((event) => shownEvent(event) ?? []);
      this.events = cursor === null ? events : [...(this.events ?? []), ...events];
      this.cursor = page.cursor;
    } catch {
      // Where the spool is does not depend on the history.
      return;
    }
    this.requestUpdate();
  }

  static override styles = [
    shared,
    css`
      :host {
        height: auto;
      }
      dl {
        margin: 0;
      }
      dl > div {
        display: flex;
        justify-content: space-between;
        align-items: baseline;
        gap: 16px;
        padding: 6px 0;
      }
      dt {
        color: var(--secondary-text-color);
      }
      dd {
        margin: 0;
        text-align: end;
        overflow-wrap: anywhere;
      }
      dd .secondary,
      li .secondary {
        display: block;
      }
      .warning {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 8px 0;
      }
      h3 {
        margin-block: 12px 8px;
        font-size: var(--ha-font-size-m, 14px);
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        position: relative;
        padding-block-end: 12px;
        padding-inline-start: 22px;
        overflow-wrap: anywhere;
      }
      /* The line of time, and a dot on it for each stay. */
      li::before {
        content: "";
        position: absolute;
        inset-block: 6px -6px;
        inset-inline-start: 6px;
        border-inline-start: 2px solid var(--divider-color);
      }
      li:last-child::before {
        display: none;
      }
      li::after {
        content: "";
        position: absolute;
        inset-block-start: 5px;
        inset-inline-start: 2px;
        width: 6px;
        height: 6px;
        border: 2px solid var(--edge);
        border-radius: 50%;
        background: var(--paper);
      }
      li.now::after {
        border-color: var(--primary-color);
        background: var(--primary-color);
      }
      li.now {
        font-weight: var(--ha-font-weight-medium, 500);
      }
      .link {
        margin-block-start: 8px;
      }
      .earlier,
      .link a {
        box-sizing: border-box;
        min-height: 44px;
        padding: 8px 16px;
      }
      .chip {
        --mdc-icon-size: 14px;
      }
    `,
  ];
}

/** Whether a stay goes on: nothing ended it, and the spool is in that slot. */
function isNow({ slots }: AnySpool, { event, open }: Stay): boolean {
  return open && slots.some((slot) => isSlotOf(slot, event));
}

function isSlotOf({ entry_id, ams_unit_no, slot_no }: SpoolSlot, event: SlotEvent): boolean {
  const { slot } = event;
  return (
    entry_id === (event.entry_id ?? null) &&
    ams_unit_no === (slot.is_ams_slot ? slot.ams_unit_no : null) &&
    slot_no === slot.slot_no
  );
}

/** Whether nothing happened to a spool that its history would hold. */
function sameStays(one: AnySpool, other: AnySpool | undefined): boolean {
  return one.last_seen === other?.last_seen && one.slots.length === other?.slots.length;
}
