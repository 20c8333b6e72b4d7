/** The dialog of a spool. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { shared } from "./base";
import { type Hass, text } from "./ha";
import type { AnySpool } from "./library";
import { sheetStyles } from "./sheet-styles";
import { spool as drawn, spoolStyles } from "./spool";
import { spoolFeedOf } from "./spool-feed";
import { shownSpools, spoolFeeds } from "./spool-feeds";
import { nameOf } from "./spool-row";

/** Which of all spools a dialog is about. */
export type Which = (spools: readonly AnySpool[]) => AnySpool | undefined;

export class SpoolSheet extends LitElement {
  static override properties = { hass: { attribute: false } };

  declare hass?: Hass;
  private which: Which | undefined;
  private stopListening: (() => void) | undefined;

  async open(which: Which): Promise<void> {
    const { hass } = this;
    if (!hass) return;
    this.which = which;
    this.stopListening?.();
    const stops = spoolFeeds(hass.connection).map((feed) =>
      feed.listen(() => this.requestUpdate()),
    );
    this.stopListening = () => {
      for (const stop of stops) stop();
    };
    this.requestUpdate();
    await this.updateComplete;
    this.dialog?.showModal();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopListening?.();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass, which } = this;
    if (!hass || !which) return nothing;
    const spools = shownSpools(hass.connection);
    const { failed } = spoolFeedOf(hass.connection);
    const spool = spools && which(spools);
    const missing = spools ? "spools.none" : failed ? "card.unavailable" : "spool.loading";
    return html`<dialog aria-labelledby="title" @close=${this.closed}>
      <header>
        ${spool ? drawn("identified", { colors: spool.colors, remaining_percent: spool.remaining_percent ?? undefined }) : nothing}
        <h2 id="title" dir="auto">${spool ? nameOf(hass, spool) : text(hass, missing)}</h2>
        <button class="icon" aria-label=${text(hass, "sheet.close")} @click=${() => this.dialog?.close()}>
          <ha-icon .icon=${"mdi:close"}></ha-icon></button>
      </header>
      ${spool ? html`<filament-slots-spool .hass=${hass} .spool=${spool}></filament-slots-spool>` : nothing}
    </dialog>`;
  }

  private closed(): void {
    // The event comes a little later: another spool may have been opened since.
    if (this.dialog?.open) return;
    this.stopListening?.();
    this.stopListening = undefined;
    this.which = undefined;
    this.requestUpdate();
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  static override styles = [shared, spoolStyles, sheetStyles];
}
