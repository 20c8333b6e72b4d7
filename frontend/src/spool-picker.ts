/** The list from which a spool is picked: swatches, what is left, where it is, and a search. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { shared } from "./base";
import { type Hass, text } from "./ha";
import { type Known, likeliest, type Spool, type SpoolSlot } from "./library";
import type { Slot } from "./model";
import { spool as drawn, percentText, spoolStyles } from "./spool";

// A search narrows down what is not shown.
const SHOWN = 30;

/** Dispatches `pick` with the spool, and `loaded` with the number of spools in the list. */
export class SpoolPicker extends LitElement {
  static override properties = {
    hass: { attribute: false },
    slotData: { attribute: false },
    spools: { state: true },
    search: { state: true },
  };

  declare hass?: Hass;
  /** The slot for which a spool is picked; undefined for the next spool of any. */
  declare slotData?: Slot;
  declare private spools: readonly Spool[];
  declare private search: string;

  constructor() {
    super();
    this.spools = [];
    this.search = "";
  }

  override async connectedCallback(): Promise<void> {
    super.connectedCallback();
    try {
      const answer = await this.hass?.connection.sendMessagePromise<{ spools: Spool[] }>({
        type: "filament_slots/spools",
      });
      this.spools = answer?.spools ?? [];
    } catch {
      // A spool can be named without the list.
    }
    await this.updateComplete;
    // Not the search: phones would cover the list with their keyboard.
    const choices = this.renderRoot.querySelectorAll("button");
    choices[0]?.focus();
    this.dispatchEvent(new CustomEvent("loaded", { detail: choices.length }));
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass, slotData } = this;
    if (!hass || this.spools.length === 0) return nothing;
    const named = (colour: string) => text(hass, `colour.${colour}`);
    const found = likeliest(this.spools, this.search, named, slotData);
    return html`<div @keydown=${this.move}>
      ${this.field(hass)}
      <ul aria-label=${text(hass, "pick.list")}>
        ${found.slice(0, SHOWN).map((spool) => html`<li>${this.choice(hass, spool)}</li>`)}
      </ul>
      ${found.length === 0 ? html`<p class="secondary" role="status">${text(hass, "spools.none")}</p>` : nothing}
    </div>`;
  }

  private field(hass: Hass): TemplateResult {
    const search = text(hass, "pick.search");
    return html`<input type="search" aria-label=${search} placeholder=${search} dir="auto"
      autocomplete="off" autocapitalize="none" spellcheck="false" .value=${this.search}
      @input=${(event: Event) => {
        this.search = (event.target as HTMLInputElement).value;
      }} />`;
  }

  private choice(hass: Hass, spool: Known): TemplateResult {
    const { colors, remaining_percent: left, name, external_id, slots, last_slot } = spool;
    const grams = spool.remaining_g;
    const facts = [
      name?.includes(spool.material ?? "") ? null : spool.material,
      spool.vendor,
      left === null
        ? null
        : text(hass, "card.left", { percent: percentText(left, hass.locale.language) }),
      left === null && grams !== null ? `${Math.round(grams)} g` : null,
      slots.length > 0
        ? slots.map(placeText).join(", ")
        : text(hass, "pick.last", { place: placeText(last_slot) }),
    ];
    return html`<button type="button" @click=${() => this.pick(spool)}>
      ${drawn("identified", { colors, remaining_percent: left ?? undefined })}
      <span dir="auto">${name ?? external_id}
        <span class="secondary">${facts.filter(Boolean).join(" · ")}</span></span>
    </button>`;
  }

  private pick(spool: Known): void {
    this.dispatchEvent(new CustomEvent("pick", { detail: spool }));
  }

  /** Move the focus with the arrow keys; Enter in the search goes to the first spool. */
  private move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const inSearch = (event.target as HTMLElement).matches("input");
    if (!step && !(inSearch && event.key === "Enter")) return;
    const stops = [...this.renderRoot.querySelectorAll<HTMLElement>("input, button")];
    const now = stops.indexOf(event.target as HTMLElement);
    stops[now + (step ?? 1)]?.focus();
    event.preventDefault();
  }

  static override styles = [
    shared,
    spoolStyles,
    css`
      :host {
        height: auto;
        --spool-size: 36px;
      }
      input {
        width: 100%;
        font: inherit;
        /* Smaller text makes phones zoom in. */
        font-size: 16px;
        min-height: 44px;
        box-sizing: border-box;
        padding: 8px 10px;
        color: inherit;
        background: var(--tint);
        border: 1px solid var(--edge);
        border-radius: var(--ha-border-radius-md, 8px);
      }
      ul {
        list-style: none;
        margin: 4px 0 0;
        padding: 2px;
        max-height: min(280px, 40dvh);
        overflow-y: auto;
      }
      button {
        display: flex;
        align-items: center;
        gap: 12px;
        width: 100%;
        min-height: 52px;
        padding: 4px 6px;
        border-radius: var(--ha-border-radius-md, 8px);
        text-align: start;
        overflow-wrap: anywhere;
      }
      button:hover {
        background: var(--tint);
      }
      button .secondary {
        display: block;
      }
    `,
  ];
}

function placeText({ printer, label, slot_no }: SpoolSlot): string {
  return `${printer} · ${label ?? slot_no}`;
}
