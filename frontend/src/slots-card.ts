/** Card with the units of one or all printers and the spools in them. */

import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { FeedCard, shared } from "./base";
import { colourName, coloursOf } from "./colour";
import { ago } from "./days";
import { shortId } from "./events";
import { deviceName, type Hass, needsUser, stateText, text } from "./ha";
import {
  type Bay,
  type Box,
  columnsFor,
  layoutOf,
  type Printer,
  type PrinterLayout,
  type Slot,
  type Unit,
  unitTitle,
} from "./model";
import { canAssign, type SlotSheet } from "./slot-sheet";
import {
  isDescribed,
  type Look,
  lookOf,
  percentLeft,
  percentText,
  spool,
  spoolStyles,
} from "./spool";

const BAY = 76;

export class SlotsCard extends FeedCard {
  private room = 8;
  private readonly measure = new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 640;
    // Two bays fit side by side in the narrowest card.
    const room = Math.max(width < 120 ? 1 : 2, Math.floor((width - 48) / BAY));
    if (room === this.room) return;
    this.room = room;
    this.requestUpdate();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.measure.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.measure.disconnect();
  }

  protected override content(hass: Hass): TemplateResult {
    const printers = this.feed?.printers;
    if (!printers)
      return this.feed?.failed
        ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"))
        : this.note("mdi:printer-3d", text(hass, "card.loading"));
    if (printers.length === 0)
      return this.note(
        "mdi:printer-3d",
        text(hass, "card.no_printers"),
        html` <a
        href="/config/integrations/integration/filament_slots">${text(hass, "card.add_printer")}</a>`,
      );
    const shown = layoutOf(printers, this.device);
    if (shown.length === 0)
      return this.note("mdi:help-circle-outline", text(hass, "card.device_gone"));
    return html`${this.heading ? html`<h2 class="title">${this.heading}</h2>` : nothing}
      ${this.feed?.failed ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable")) : nothing}
      ${repeat(
        shown,
        ({ printer }) => printer.entry_id,
        (layout) => this.printer(hass, layout),
      )}
      <filament-slots-sheet .hass=${hass} .printers=${printers}></filament-slots-sheet>`;
  }

  private printer(hass: Hass, { printer, boxes }: PrinterLayout): TemplateResult {
    return html`<section>
      <header>
        <h2>${deviceName(hass, printer.device_id, printer.name)}</h2>
        ${this.condition(hass, printer)}
      </header>
      ${
        boxes.length === 0
          ? printer.state === "loaded"
            ? html`<p class="none secondary">${text(hass, "card.no_slots")}</p>`
            : nothing
          : html`<div class="boxes">
            ${repeat(
              boxes,
              (box) => box.unit?.key ?? "",
              (box) => this.box(hass, printer, box),
            )}
          </div>`
      }
    </section>`;
  }

  private condition(hass: Hass, printer: Printer): TemplateResult | typeof nothing {
    if (printer.connected) return nothing;
    if (printer.state !== "loaded")
      return html`<span class="condition secondary"><ha-icon .icon=${"mdi:power-plug-off-outline"}></ha-icon>
        ${text(hass, "card.not_loaded")}</span>`;
    const { language } = hass.locale;
    const error = printer.error
      ? hass.localize(
          `component.filament_slots.entity.sensor.driver_status.state_attributes.error.state.${printer.error}`,
        )
      : "";
    const seen = printer.last_seen
      ? text(hass, "card.seen", { age: ago(printer.last_seen, new Date(), language) })
      : "";
    if (needsUser(printer.status, printer.error))
      return html`<span class="condition alert" role="alert">
        <ha-icon .icon=${"mdi:alert-circle-outline"}></ha-icon>
        ${error || text(hass, "card.not_connected")}
        ${hass.user?.is_admin ? html`<a href="/config/repairs">${text(hass, "card.open_repair")}</a>` : nothing}</span>`;
    return html`<span class="condition secondary">
      <ha-icon .icon=${"mdi:sleep"}></ha-icon>
      ${[text(hass, "card.offline"), error, seen].filter(Boolean).join(" · ")}</span>`;
  }

  private box(hass: Hass, printer: Printer, { unit, bays }: Box): TemplateResult {
    const columns = columnsFor(bays.length, this.room);
    const here = printer.connected && unit?.online !== false;
    return html`<div class="box ${here ? "" : "away"}" style=${styleMap({ "--columns": String(columns) })}>
      <div class="unit">
        <h3>${unit ? hass.devices[unit.device_id]?.name_by_user || unitTitle(unit, bays.length) : text(hass, "card.external")}</h3>
        ${unit ? html`<span class="telemetry secondary">${this.telemetry(hass, printer, unit, here)}</span>` : nothing}
      </div>
      <ul class="bays">
        ${repeat(
          bays,
          (bay) => bay.slot_no,
          (bay) => html`<li>${this.bay(hass, bay, here)}</li>`,
        )}
      </ul>
    </div>`;
  }

  /** Humidity and drying of a unit; nothing while it is not connected. */
  private telemetry(hass: Hass, printer: Printer, unit: Unit, here: boolean): unknown {
    if (!here)
      return printer.connected
        ? html`<ha-icon .icon=${"mdi:connection"}></ha-icon>${text(hass, "card.not_connected")}`
        : nothing;
    const { language } = hass.locale;
    const percent = unit.humidity_percent;
    const minutes = unit.drying_minutes_left;
    return html`${
      unit.drying
        ? html`<span title=${text(hass, "card.drying")}><ha-icon .icon=${"mdi:heat-wave"}></ha-icon>
          <span class="hidden">${text(hass, "card.drying")}</span>${minutes ? duration(minutes, language) : nothing}</span>`
        : nothing
    }
    ${
      percent !== null || unit.humidity_index !== null
        ? html`<span title=${text(hass, "card.humidity")}><ha-icon .icon=${"mdi:water-percent"}></ha-icon>
          <span class="hidden">${text(hass, "card.humidity")}</span>
          ${percent !== null ? percentText(percent, language) : `${unit.humidity_index}/5`}</span>`
        : nothing
    }`;
  }

  private bay(hass: Hass, { slot_no, slot }: Bay, here: boolean): TemplateResult {
    if (!slot)
      return html`<div class="bay"><span class="label">${slot_no}</span>${spool("unknown", {})}
        <span class="first nothing">${text(hass, "card.unknown")}</span></div>`;
    const label = slot.label ?? String(slot_no);
    const look = lookOf(slot);
    const [first, second] = words(hass, slot, look);
    // Anything but a material or a spool is shown less prominently.
    const muted = first !== slot.filament.material && look !== "identified";
    const left = look === "empty" ? undefined : percentLeft(slot.filament);
    const [colour] = look === "empty" ? [] : coloursOf(slot.filament);
    const active = here && slot.active === true;
    const feeding = stateText(hass, "binary_sensor.active", "on");
    return html`<button
      class="bay ${active ? "active" : ""}"
      data-label=${label}
      @click=${() => this.sheet?.open(slot.device_id, "details")}
    >
      <span class="label">${label}${
        active
          ? html`<ha-icon .icon=${"mdi:printer-3d-nozzle"} title=${feeding}></ha-icon>
            <span class="hidden">${feeding}</span>`
          : nothing
      }</span>
      ${spool(look, slot.filament)}
      <span class="first ${muted ? "nothing" : ""}" dir="auto" title=${first}>${first}</span>
      ${second ? html`<span class="second secondary" dir="auto" title=${second}>${second}</span>` : nothing}
      ${colour ? html`<span class="hidden">${text(hass, `colour.${colourName(colour)}`)}</span>` : nothing}
      ${
        left === undefined
          ? nothing
          : html`<span class="secondary">${text(hass, "card.left", {
              percent: percentText(left, hass.locale.language),
            })}</span>`
      }
      </button>
      ${
        look === "unidentified" && !isDescribed(slot.filament) && canAssign(hass, slot)
          ? html`<button class="chip assign" title=${text(hass, "assign.title", { label })}
            @click=${() => this.sheet?.open(slot.device_id, "assign")}>${text(hass, "assign.assign")}
            <span class="hidden">${label}</span></button>`
          : nothing
      }`;
  }

  private get sheet(): SlotSheet | null {
    return this.renderRoot.querySelector("filament-slots-sheet");
  }

  static override styles = [
    shared,
    spoolStyles,
    css`
      .title {
        padding: 12px 16px 0;
        font-size: var(--ha-font-size-xl, 20px);
      }
      section {
        padding: 12px;
      }
      section + section {
        border-block-start: 1px solid var(--divider-color);
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 2px 12px;
        padding: 0 4px 10px;
      }
      .none {
        padding: 0 4px 4px;
      }
      .condition,
      .telemetry,
      .telemetry > span {
        display: inline-flex;
        align-items: center;
        gap: 4px;
      }
      .telemetry {
        gap: 10px;
        --mdc-icon-size: 16px;
      }
      .telemetry > span {
        gap: 2px;
      }
      .alert {
        color: var(--error-color);
        font-size: var(--ha-font-size-s, 12px);
      }
      .alert a {
        color: inherit;
      }
      .away .spool {
        opacity: 0.45;
      }
      .boxes {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
      }
      .box {
        flex: var(--columns) 1 max(128px, calc(var(--columns) * 72px + 12px));
        max-width: max(200px, calc(var(--columns) * 148px + 12px));
        min-width: 0;
        box-sizing: border-box;
        padding: 8px 6px;
        background: var(--tint);
        border-radius: var(--ha-border-radius-lg, 12px);
      }
      .unit {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        align-items: center;
        gap: 2px 8px;
        padding: 0 6px 6px;
        min-height: 20px;
      }
      h3 {
        font-size: var(--ha-font-size-m, 14px);
      }
      .bays {
        display: grid;
        grid-template-columns: repeat(var(--columns), minmax(0, 1fr));
        gap: 4px;
        list-style: none;
        margin: 0;
        padding: 0;
        /* Bays are side by side on the hardware, whatever the language. */
        direction: ltr;
      }
      li {
        display: flex;
        flex-direction: column;
        align-items: center;
        min-width: 0;
      }
      .assign {
        min-height: 44px;
        padding: 3px 10px;
        margin-block-start: 2px;
      }
      .assign:hover {
        background: color-mix(in srgb, var(--primary-text-color) 7%, transparent);
      }
      .bay {
        width: 100%;
        display: flex;
        flex-direction: column;
        align-items: center;
        gap: 2px;
        padding: 6px 2px 8px;
        border-radius: var(--ha-border-radius-md, 8px);
        box-sizing: border-box;
        text-align: center;
        line-height: 1.25;
      }
      button.bay:hover {
        background: color-mix(in srgb, var(--primary-text-color) 7%, transparent);
      }
      .bay.active {
        background: color-mix(in srgb, var(--primary-color) 12%, transparent);
        box-shadow: inset 0 0 0 2px var(--primary-color);
      }
      .label {
        display: inline-flex;
        align-items: center;
        gap: 2px;
        min-height: 18px;
        max-width: 100%;
        margin-block-end: 2px;
        font-size: var(--ha-font-size-s, 12px);
        overflow-wrap: anywhere;
        --mdc-icon-size: 14px;
      }
      .first {
        margin-block-start: 4px;
        font-size: var(--ha-font-size-m, 14px);
        font-weight: var(--ha-font-weight-medium, 500);
      }
      .first,
      .second {
        max-width: 100%;
        overflow: hidden;
        overflow-wrap: break-word;
        hyphens: auto;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
      }
      .first.nothing {
        font-size: var(--ha-font-size-s, 12px);
        font-weight: var(--ha-font-weight-normal, 400);
        color: var(--secondary-text-color);
      }
    `,
  ];
}

/** What is shown under the spool: what it is, and what else is known of it. */
function words(hass: Hass, slot: Slot, look: Look): [string, string] {
  const { material, name, vendor } = slot.filament;
  if (look === "empty") return [stateText(hass, "sensor.status", "empty"), ""];
  if (look === "unknown") return [text(hass, "card.unknown"), ""];
  const known = slot.assigned_label || name || shortId(slot.assigned_external_id);
  const first =
    material ||
    known ||
    stateText(hass, "sensor.status", look === "unidentified" ? look : "identified");
  if (look === "unidentified" && isDescribed(slot.filament))
    return [first, [known || vendor, text(hass, "card.no_tag")].filter(Boolean).join(" · ")];
  return [first, known === first ? "" : known];
}

function duration(minutes: number, language: string): string {
  const part = (value: number, unit: string) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }).format(value);
  const hours = Math.floor(minutes / 60);
  return [hours ? part(hours, "hour") : "", minutes % 60 ? part(minutes % 60, "minute") : ""]
    .join(" ")
    .trim();
}
