/** Card with the units of one or all printers and the spools in them. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { announcedFor, announcedStyles, fateOf, notice, untilChange } from "./announced";
import { byAttention, filtered, isFiltering, MANY, NO_FILTER } from "./attention";
import { FeedCard, shared } from "./base";
import { bay } from "./bay";
import { ago } from "./days";
import { deviceName, type Hass, needsUser, text } from "./ha";
import {
  type Box,
  columnsFor,
  groupsOf,
  layoutOf,
  type Printer,
  type PrinterLayout,
  type Slot,
  type Unit,
  unitTitle,
} from "./model";
import { miniatures, storeCollapsed, storedCollapsed, tools } from "./overview";
import type { SlotSheet, View } from "./slot-sheet";
import { slotsStyles } from "./slots-styles";
import { spoolStyles } from "./spool";
import { telemetry, telemetryStyles } from "./telemetry";

const BAY = 76;

export class SlotsCard extends FeedCard {
  private room = 8;
  private filter = NO_FILTER;
  private readonly collapsed = storedCollapsed();
  private next: ReturnType<typeof setTimeout> | undefined;
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
    clearTimeout(this.next);
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    clearTimeout(this.next);
    const wait = untilChange(this.feed?.printers ?? [], Date.now());
    if (wait !== undefined) this.next = setTimeout(() => this.requestUpdate(), wait);
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
    const all = byAttention(layoutOf(printers, this.device));
    if (all.length === 0)
      return this.note("mdi:help-circle-outline", text(hass, "card.device_gone"));
    const many = all.length >= MANY;
    const shown = many ? filtered(all, this.filter) : all;
    return html`${this.heading ? html`<h2 class="title">${this.heading}</h2>` : nothing}
      ${this.feed?.failed ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable")) : nothing}
      ${
        many
          ? tools(
              hass,
              all.map(({ printer }) => printer),
              this.filter,
              (filter) => {
                this.filter = filter;
                this.requestUpdate();
              },
            )
          : nothing
      }
      ${notice(hass, printers, null)}
      ${shown.length === 0 ? this.note("mdi:filter-outline", text(hass, "filter.nothing")) : nothing}
      ${repeat(
        shown,
        ({ printer }) => printer.entry_id,
        (layout) => this.printer(hass, printers, layout, many),
      )}
      <filament-slots-sheet .hass=${hass} .printers=${printers}></filament-slots-sheet>`;
  }

  private printer(
    hass: Hass,
    printers: readonly Printer[],
    layout: PrinterLayout,
    many: boolean,
  ): TemplateResult {
    const { printer, boxes } = layout;
    const name = deviceName(hass, printer.device_id, printer.name);
    const closed = many && !isFiltering(this.filter) && this.collapsed.has(printer.entry_id);
    return html`<section>
      <header>
        <h2 dir="auto" title=${name}>${
          many
            ? html`<button class="fold" aria-expanded=${closed ? "false" : "true"} @click=${() => this.fold(printer)}>
              <ha-icon .icon=${closed ? "mdi:chevron-right" : "mdi:chevron-down"}></ha-icon>${name}</button>`
            : name
        }</h2>
        ${closed ? miniatures(hass, printer) : nothing}
        ${this.condition(hass, printer)}
        ${closed ? nothing : this.announce(hass, printer, name)}
      </header>
      ${printer.printer_id === null ? nothing : notice(hass, printers, printer.printer_id)}
      ${closed ? nothing : this.boxes(hass, printer, name, boxes)}
    </section>`;
  }

  /** The button that announces the next spool of a printer, unless one is waited for. */
  private announce(hass: Hass, printer: Printer, name: string): TemplateResult | typeof nothing {
    const { connected, device_id, printer_id } = printer;
    const announced = announcedFor([printer], printer_id);
    const waiting = announced && fateOf(announced, Date.now()) === "waiting";
    if (!connected || !device_id || waiting || !hass.services.filament_slots?.expect_spool)
      return nothing;
    return html`<button class="chip next" @click=${() => this.sheet?.open(device_id, "expect")}>
      <ha-icon .icon=${"mdi:tray-plus"}></ha-icon>${text(hass, "expect.open")}
      <span class="hidden">${name}</span></button>`;
  }

  private boxes(
    hass: Hass,
    printer: Printer,
    name: string,
    boxes: readonly Box[],
  ): TemplateResult | typeof nothing {
    if (boxes.length === 0)
      return printer.state === "loaded" && !isFiltering(this.filter)
        ? html`<p class="none secondary">${text(hass, "card.no_slots")}</p>`
        : nothing;
    return html`<div class="boxes">
      ${repeat(
        groupsOf(boxes),
        ([box]) => box?.unit?.key ?? "",
        (group) =>
          group.length === 1
            ? group.map((box) => this.box(hass, printer, name, box))
            : html`<div class="group" style=${styleMap({
                "--columns": String(group.reduce((sum, box) => sum + this.columns(box), 0)),
              })}>${group.map((box) => this.box(hass, printer, name, box))}</div>`,
      )}
    </div>`;
  }

  private columns({ bays }: Box): number {
    return columnsFor(bays.length, this.room);
  }

  private fold({ entry_id }: Printer): void {
    if (!this.collapsed.delete(entry_id)) this.collapsed.add(entry_id);
    storeCollapsed(this.collapsed);
    this.requestUpdate();
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

  private box(hass: Hass, printer: Printer, name: string, box: Box): TemplateResult {
    const { unit, bays } = box;
    const here = printer.connected && unit?.online !== false;
    const title = unit
      ? hass.devices[unit.device_id]?.name_by_user || unitTitle(unit)
      : text(hass, "card.external");
    const open = (slot: Slot, view: View) => this.sheet?.open(slot.device_id, view);
    return html`<div class="box ${here ? "" : "away"}" style=${styleMap({ "--columns": String(this.columns(box)) })}>
      <div class="unit">
        <h3 dir="auto" title=${title}>${title}</h3>
        ${unit ? html`<span class="telemetry secondary">${this.telemetry(hass, printer, unit, here)}</span>` : nothing}
      </div>
      <ul class="bays">
        ${repeat(
          bays,
          (each) => each.slot_no,
          (each) =>
            html`<li class=${each.hidden ? "out" : ""}>${bay(hass, name, each, here, open)}</li>`,
        )}
      </ul>
    </div>`;
  }

  /** Humidity, temperature and drying of a unit; nothing while it is not connected. */
  private telemetry(hass: Hass, printer: Printer, unit: Unit, here: boolean): unknown {
    if (here) return telemetry(hass, unit);
    return printer.connected
      ? html`<ha-icon .icon=${"mdi:connection"}></ha-icon>${text(hass, "card.not_connected")}`
      : nothing;
  }

  private get sheet(): SlotSheet | null {
    return this.renderRoot.querySelector("filament-slots-sheet");
  }

  static override styles = [shared, spoolStyles, telemetryStyles, announcedStyles, slotsStyles];
}
