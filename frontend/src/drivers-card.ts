/** The drivers of all printers or of one, a card each; for administrators. */

import { css, html, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { MANY } from "./attention";
import { FeedCard, shared } from "./base";
import type { Driver } from "./driver";
import type { Change } from "./feed";
import { type Hass, loadExceptions, text } from "./ha";

export class DriversCard extends FeedCard {
  private drivers: Driver[] | undefined;
  private broken = false;
  private loads = 0;

  protected override feedChanged(change?: Change): void {
    super.feedChanged(change);
    const printer = change?.printer;
    const known = this.drivers?.find(({ entry_id }) => entry_id === printer?.entry_id);
    if (!known || known.state !== printer?.state || known.health.status !== printer?.status)
      void this.load();
  }

  protected override render(): TemplateResult {
    const { device, drivers, hass } = this;
    const shown = drivers?.filter(({ device_id }) => !device || device === device_id) ?? [];
    if (!hass?.user?.is_admin || shown.length === 0) return super.render();
    return html`${this.heading ? html`<h2>${this.heading}</h2>` : ""}
      <div class="drivers">${repeat(
        shown,
        ({ entry_id }) => entry_id,
        (driver) => html`<filament-slots-driver .hass=${hass} .driver=${driver}
          ?open=${shown.length < MANY}></filament-slots-driver>`,
      )}</div>`;
  }

  /** What is shown instead of drivers. */
  protected override content(hass: Hass): TemplateResult {
    if (!hass.user?.is_admin)
      return this.note("mdi:account-lock-outline", text(hass, "health.admins_only"));
    if (this.broken || this.feed?.failed)
      return this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"));
    if (!this.drivers) return this.note("mdi:connection", text(hass, "card.loading"));
    return this.note(
      "mdi:connection",
      text(hass, this.device ? "card.device_gone" : "card.no_printers"),
    );
  }

  private async load(): Promise<void> {
    const { hass } = this;
    if (!hass?.user?.is_admin || !this.feed?.printers) return;
    const load = ++this.loads;
    try {
      const { drivers } = await hass.connection.sendMessagePromise<{ drivers: Driver[] }>({
        type: "filament_slots/drivers",
      });
      // A later answer may be here already.
      if (load !== this.loads) return;
      this.drivers = drivers;
      this.broken = false;
      if (drivers.some(({ state }) => state !== "loaded")) await loadExceptions(hass);
    } catch {
      this.broken = true;
    }
    this.requestUpdate();
  }

  static override styles = [
    shared,
    css`
      h2 {
        padding-block-end: 8px;
      }
      .drivers {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr));
        align-items: start;
        gap: 8px;
      }
    `,
  ];
}
