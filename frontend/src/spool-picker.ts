/** The list from which a spool is picked: swatches, what is left, where it is, and a search. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { shared } from "./base";
import { type Hass, text } from "./ha";
import { type Choice, searched } from "./library";
import type { Slot } from "./model";
import { spoolStyles } from "./spool";
import { rowStyles, spoolRow } from "./spool-row";

// A search narrows down what is not shown.
const SHOWN = 30;

/** Dispatches `pick` with the spool, and `loaded` with the number of spools in the list. */
export class SpoolPicker extends LitElement {
  static override properties = {
    hass: { attribute: false },
    slotData: { attribute: false },
    ofInventory: { attribute: false },
    spools: { state: true },
    search: { state: true },
  };

  declare hass?: Hass;
  /** The slot for which a spool is picked; undefined for the next spool of any. */
  declare slotData?: Slot;
  /** Whether only spools of an inventory can be picked. */
  declare ofInventory: boolean;
  declare private spools: readonly Choice[];
  declare private search: string;

  constructor() {
    super();
    this.spools = [];
    this.ofInventory = false;
    this.search = "";
  }

  override async connectedCallback(): Promise<void> {
    super.connectedCallback();
    this.spools = await this.ask();
    await this.updateComplete;
    // Not the search: phones would cover the list with their keyboard.
    const choices = this.renderRoot.querySelectorAll("button");
    choices[0]?.focus();
    this.dispatchEvent(new CustomEvent("loaded", { detail: choices.length }));
  }

  /** The spools, the likeliest first; none without an answer: a spool can be named without. */
  private async ask(): Promise<Choice[]> {
    try {
      const answer = await this.hass?.connection.sendMessagePromise<{ spools: Choice[] }>({
        type: "filament_slots/suggest_spools",
        of_inventory: this.ofInventory,
        ...(this.slotData ? { device_id: this.slotData.device_id } : {}),
      });
      return answer?.spools ?? [];
    } catch {
      return [];
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass } = this;
    if (!hass || this.spools.length === 0) return nothing;
    const named = (colour: string) => text(hass, `colour.${colour}`);
    const found = searched(this.spools, this.search, named);
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

  private choice(hass: Hass, spool: Choice): TemplateResult {
    return html`<button type="button" @click=${() => this.pick(spool)}>${spoolRow(hass, spool)}</button>`;
  }

  private pick(spool: Choice): void {
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
    rowStyles,
    css`
      :host {
        height: auto;
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
    `,
  ];
}
