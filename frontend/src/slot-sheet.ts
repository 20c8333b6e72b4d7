/** The dialog of a slot: what is in it, its latest events, and naming its spool. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { announcedStyles, notice } from "./announced";
import { shared } from "./base";
import {
  eventIcon,
  eventText,
  eventTitle,
  type SentEvent,
  SPOOL_EVENTS,
  shortId,
  shownEvent,
} from "./events";
import { errorText, explained, pendingOf } from "./explain";
import { type Change, feedOf } from "./feed";
import {
  deviceName,
  entityOf,
  type Hass,
  navigate,
  showMoreInfo,
  stateText,
  text,
  timeZone,
} from "./ha";
import { isAbout } from "./history";
import type { Choice } from "./library";
import {
  eventsFilter,
  type Printer,
  type Row,
  rowsOf,
  type Slot,
  type SlotEvent,
  withArrived,
  withEvent,
} from "./model";
import { sheetStyles } from "./sheet-styles";
import { filamentOf, lookOf, lowOf, spool, spoolStyles } from "./spool";
import { leftTexts, lowChip, mismatchText, spoolLink } from "./spool-row";
import type { SpoolSheet } from "./spool-sheet";

/**
 * details: what is in the slot. assign: which spool is in it. link: which one of an inventory it is.
 * expect: which one is next.
 */
export type View = "details" | "assign" | "link" | "expect";

const TITLES = { assign: "assign.title", link: "link.heading", expect: "expect.title" };
const SUBMITS = { assign: "assign.assign", link: "link.submit", expect: "expect.submit" };

const RECENT = 5;

export class SlotSheet extends LitElement {
  static override properties = { hass: { attribute: false }, printers: { attribute: false } };

  declare hass?: Hass;
  declare printers: readonly Printer[];
  private device = "";
  private view: View = "details";
  /** The view in which the dialog was opened, and which an answered form returns to. */
  private first: View = "details";
  private error = "";
  private copied = false;
  private events: SlotEvent[] = [];
  private stopListening: (() => void) | undefined;
  /** Why the slot reads as it does, while something is pending. */
  private why = "";

  constructor() {
    super();
    this.printers = [];
  }

  async open(device: string, view: View): Promise<void> {
    this.device = device;
    this.first = view;
    this.show(view);
    this.events = [];
    this.why = "";
    await this.updateComplete;
    this.dialog?.showModal();
    this.stopListening?.();
    // Called at once, as the card that this dialog belongs to listens already.
    this.stopListening =
      this.hass && feedOf(this.hass.connection).listen((change) => this.follow(change));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopListening?.();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass } = this;
    const printer = this.printers.find(
      ({ device_id, slots }) =>
        device_id === this.device || slots.some((slot) => slot.device_id === this.device),
    );
    const slot = this.shownSlot;
    if (!hass || !printer || !(slot || this.view === "expect")) return nothing;
    const name = deviceName(hass, printer.device_id, printer.name);
    const label = slot?.label ?? String(slot?.slot_no);
    const title =
      this.view === "details" ? `${name} · ${label}` : text(hass, TITLES[this.view], { label });
    return html`<dialog aria-labelledby="title" @close=${this.closed}>
      <header>
        ${slot && this.view === "details" ? spool(lookOf(slot), filamentOf(slot), lowOf(slot)) : nothing}
        <h2 id="title" dir="auto">${title}</h2>
        <button class="icon" aria-label=${text(hass, "sheet.close")} @click=${() => this.dialog?.close()}>
          <ha-icon .icon=${"mdi:close"}></ha-icon></button>
      </header>
      ${slot && this.view === "details" ? this.details(hass, printer, slot) : this.form(hass, slot ?? printer, printer)}
    </dialog>
    <filament-slots-spool-sheet .hass=${hass}></filament-slots-spool-sheet>`;
  }

  private details(hass: Hass, printer: Printer, slot: Slot): TemplateResult {
    const assigned = slot.assigned_external_id !== null && !hasTag(slot);
    return html`<dl>${facts(hass, slot).map(
      ([name, value]) => html`<div><dt>${name}</dt><dd dir="auto">${value}</dd></div>`,
    )}${this.idFact(hass, slot)}</dl>
      ${slot.spool?.mismatch ? this.warning(mismatchText(hass, slot.spool, slot.filament)) : nothing}
      ${this.why ? html`<p class="secondary" role="status">${this.why}</p>` : nothing}
      ${this.recent(hass)}
      ${printer.printer_id === null ? nothing : notice(hass, this.printers, printer.printer_id)}
      <div class="actions">
        ${canAssign(hass, slot) ? this.button(hass, assigned ? "assign.change" : "assign.assign", () => this.turnTo("assign")) : nothing}
        ${assigned ? this.button(hass, "assign.forget", () => this.send(hass, "assign_spool", { device_id: slot.device_id })) : nothing}
        ${this.linkButton(hass, slot)}
        ${hass.services.filament_slots?.expect_spool && printer.device_id ? this.button(hass, "expect.open", () => this.turnTo("expect")) : nothing}
        ${hasTag(slot) || assigned ? this.button(hass, "spool.open", () => this.openSpool()) : nothing}
        ${slot.spool ? spoolLink(hass, slot.spool.url) : nothing}
        ${this.button(hass, "sheet.more", () => this.more(hass, slot))}
        ${hass.user?.is_admin ? this.button(hass, "sheet.device", () => this.openDevice(slot)) : nothing}
      </div>
      ${this.alert()}`;
  }

  private linkButton(hass: Hass, slot: Slot): TemplateResult | typeof nothing {
    if (!slot.linkable || !hass.user?.is_admin) return nothing;
    return slot.spool?.source === "link"
      ? this.button(hass, "link.remove", () =>
          this.send(hass, "unlink_spool", { device_id: slot.device_id }),
        )
      : this.button(hass, "link.open", () => this.turnTo("link"));
  }

  private warning(words: string): TemplateResult {
    return html`<p class="warning" role="status"><ha-icon .icon=${"mdi:not-equal-variant"}></ha-icon>
      <span dir="auto">${words}</span></p>`;
  }

  private idFact(hass: Hass, slot: Slot): TemplateResult | typeof nothing {
    const id = slot.identifiers.external_id ?? (hasTag(slot) ? null : slot.assigned_external_id);
    if (!id) return nothing;
    return html`<div><dt>${text(hass, "sheet.spool_id")}</dt><dd dir="ltr" class="id">${shortId(id) || id}
      <button class="icon" aria-label=${text(hass, "sheet.copy")} title=${text(hass, "sheet.copy")}
        @click=${() => this.copy(id)}><ha-icon .icon=${this.copied ? "mdi:check" : "mdi:content-copy"}></ha-icon></button>
      <span class="hidden" role="status">${this.copied ? text(hass, "sheet.copied") : ""}</span></dd></div>`;
  }

  private recent(hass: Hass): TemplateResult | typeof nothing {
    const rows = rowsOf(this.events).slice(0, RECENT);
    if (rows.length === 0) return nothing;
    const time = new Intl.DateTimeFormat(hass.locale.language, {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: timeZone(hass),
    });
    const details = ({ event, unidentified }: Row) =>
      [
        eventText(hass, event),
        unidentified && event.event_type === "spool_inserted"
          ? stateText(hass, "sensor.status", "unidentified")
          : "",
      ].flatMap((shown) => (shown ? [shown, " · "] : []));
    return html`<h3>${text(hass, "sheet.recent")}</h3>
      <ul>${rows.map(
        (row) => html`<li><ha-icon .icon=${eventIcon(row.event)}></ha-icon>
          <span class="what" dir="auto">${eventTitle(hass, row.event)}
            <span class="secondary">${details(row)}<time datetime=${row.event.event_at}>${time.format(new Date(row.event.event_at))}</time></span>
          </span></li>`,
      )}</ul>`;
  }

  /** The form in which a spool is assigned to a slot, linked, or announced for its printer. */
  private form(hass: Hass, slot: Slot | Printer, printer: Printer): TemplateResult {
    const view = this.view as keyof typeof SUBMITS;
    const action = `${view}_spool`;
    const { device_id } = view === "expect" ? printer : slot;
    const submit = (event: Event) => {
      event.preventDefault();
      const filled = [...new FormData(event.target as HTMLFormElement)].filter(
        ([, value]) => String(value).trim() !== "",
      );
      // Without a spool an assignment would be undone.
      if (filled.length === 0) this.focusField();
      else void this.send(hass, action, { device_id, ...Object.fromEntries(filled) });
    };
    const loaded = ({ detail }: CustomEvent<number>) => detail || this.focusField();
    const pick = ({ detail: { external_id, name } }: CustomEvent<Choice>) => {
      const label = name && view !== "link" ? { label: name.slice(0, 64) } : {};
      void this.send(hass, action, { device_id, external_id, ...label });
    };
    return html`<form @submit=${submit}>
      ${view === "assign" ? nothing : html`<p class="secondary">${text(hass, `${view}.help`)}</p>`}
      <filament-slots-spools .hass=${hass} .slotData=${view === "expect" ? undefined : slot}
        .ofInventory=${view === "link"}
        @pick=${pick} @loaded=${loaded}></filament-slots-spools>
      <label>${text(hass, "assign.spool")}
        <input name="external_id" maxlength="128" placeholder="12" autocomplete="off"
          autocapitalize="none" autocorrect="off" spellcheck="false"
          aria-invalid=${this.error ? "true" : "false"} aria-describedby="error" /></label>
      ${this.alert()}
      ${
        view === "link"
          ? nothing
          : html`<label>${text(hass, "assign.name")}
              <input name="label" maxlength="64" autocomplete="off" dir="auto" /></label>`
      }
      <div class="actions">
        ${this.button(hass, "assign.cancel", () => (this.first === "details" ? this.turnTo("details") : this.dialog?.close()))}
        <button class="chip main">${text(hass, SUBMITS[view])}</button>
      </div>
    </form>`;
  }

  private alert(): TemplateResult | typeof nothing {
    return this.error ? html`<p id="error" class="error" role="alert">${this.error}</p>` : nothing;
  }

  private button(hass: Hass, key: string, press: () => unknown): TemplateResult {
    return html`<button type="button" class="chip" @click=${press}>${text(hass, key)}</button>`;
  }

  /** Change the view of the open dialog, with the focus where the user goes on. */
  private async turnTo(view: View): Promise<void> {
    this.show(view);
    await this.updateComplete;
    // In a form the list takes the focus, once it is loaded.
    if (view === "details") this.renderRoot.querySelector<HTMLElement>(".actions button")?.focus();
  }

  private show(view: View): void {
    this.view = view;
    this.error = "";
    this.copied = false;
    this.requestUpdate();
  }

  private async send(hass: Hass, action: string, data: Record<string, unknown>): Promise<void> {
    try {
      // The dialog shows the error itself, not a notification beside the page.
      await hass.callService("filament_slots", action, data, undefined, false);
    } catch (error) {
      this.error = await errorText(hass, error);
      this.requestUpdate();
      return;
    }
    if (this.first === "details") await this.turnTo("details");
    else this.dialog?.close();
  }

  private more(hass: Hass, slot: Slot): void {
    this.dialog?.close();
    const entityId = entityOf(hass, slot.device_id);
    if (entityId) showMoreInfo(this, entityId);
    else if (hass.user?.is_admin) this.openDevice(slot);
  }

  private openSpool(): void {
    const { device } = this;
    const sheet = this.renderRoot.querySelector<SpoolSheet>("filament-slots-spool-sheet");
    void sheet?.open((spools) =>
      spools.find(({ slots }) => slots.some(({ device_id }) => device_id === device)),
    );
  }

  private openDevice({ device_id }: Slot): void {
    this.dialog?.close();
    navigate(`/config/devices/device/${device_id}`);
  }

  private async copy(id: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(id);
      this.copied = true;
    } catch {
      // Without https a browser refuses; the id can still be selected.
    }
    this.requestUpdate();
  }

  /** Keep up with the history of the slot, and with what it waits for. */
  private follow(change?: Change): void {
    const { printers, shownSlot: slot } = this;
    const event =
      change?.event && shownEvent({ ...change.event, entry_id: change.printer.entry_id });
    if (event && slot && isAbout(event, printers, slot))
      this.events = withEvent(this.events, event);
    else if (change) return;
    else void this.load();
    void this.explain();
  }

  private closed(): void {
    // The event comes a little later: another slot may have been opened since.
    if (this.dialog?.open) return;
    this.stopListening?.();
    this.stopListening = undefined;
    this.show("details");
  }

  private async load(): Promise<void> {
    const filter = eventsFilter(this.printers, this.device);
    if (!this.hass || !filter) return;
    const { device } = this;
    // From here on it holds what arrives while the page is asked for.
    this.events = [];
    try {
      const { events } = await this.hass.connection.sendMessagePromise<{ events: SentEvent[] }>({
        type: "filament_slots/events",
        ...SPOOL_EVENTS,
        // An insertion and its *unknown* are one row.
        limit: 2 * RECENT,
        ...filter,
      });
      if (device !== this.device) return;
      const page = events.flatMap((event) => shownEvent(event) ?? []);
      this.events = withArrived(page, this.events);
    } catch {
      // The dialog shows what is in the slot without its history.
    }
    this.requestUpdate();
  }

  private async explain(): Promise<void> {
    const { device, hass } = this;
    if (!hass?.services.filament_slots?.explain_slot) return;
    try {
      const pending = await pendingOf(hass, device);
      if (device !== this.device) return;
      this.why = explained(hass, pending);
    } catch {
      // The dialog shows what is in the slot without an explanation.
    }
    this.requestUpdate();
  }

  private focusField(): void {
    this.renderRoot.querySelector<HTMLElement>("[name=external_id]")?.focus();
  }

  private get shownSlot(): Slot | undefined {
    return this.printers
      .flatMap(({ slots }) => slots)
      .find(({ device_id }) => device_id === this.device);
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  static override styles = [shared, spoolStyles, announcedStyles, sheetStyles];
}

/** Whether a user may say which spool is in a slot: none is reported, and it is not empty. */
export function canAssign(hass: Hass, slot: Slot): boolean {
  return (
    Boolean(hass.services.filament_slots?.assign_spool) && slot.present !== false && !hasTag(slot)
  );
}

function hasTag(slot: Slot): boolean {
  return Object.values(slot.identifiers).some(Boolean);
}

/** What is known of a slot, as names and values. */
function facts(hass: Hass, slot: Slot): [string, unknown][] {
  const filament = filamentOf(slot);
  const linked = slot.spool;
  const { language } = hass.locale;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const left = leftTexts(hass, filament).join(" · ");
  const nozzle = [filament.nozzle_min_c, filament.nozzle_max_c].filter(
    (celsius) => celsius !== undefined,
  );
  const since = new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: timeZone(hass),
  });
  const all: [string, unknown][] = [
    ["status", slot.status ? stateText(hass, "sensor.status", slot.status) : ""],
    ["name", slot.assigned_label || filament.name || ""],
    ["material", filament.material ?? ""],
    ["maker", filament.vendor ?? ""],
    ["remaining", left && lowOf(slot) ? html`${left} ${lowChip(hass)}` : left],
    ["nozzle", nozzle.length ? `${nozzle.map((each) => number.format(each)).join("–")} °C` : ""],
    ["since", slot.present && slot.inserted_at ? since.format(new Date(slot.inserted_at)) : ""],
    ["identified_by", linked && text(hass, `sheet.source_${linked.source}`)],
  ];
  return all
    .filter(([, value]) => value)
    .map(([key, value]) => [text(hass, `sheet.${key}`), value]);
}
