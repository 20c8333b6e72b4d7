/** Card of one spool: what is left, where it is, and where it has been. */

import { css, html, type TemplateResult } from "lit";
import { FeedCard, shared } from "./base";
import { type Hass, text } from "./ha";
import { spoolOf } from "./library";
import { spool as drawn, spoolStyles } from "./spool";
import { spoolFeedOf } from "./spool-feed";
import { shownSpools, spoolFeeds } from "./spool-feeds";
import { nameOf } from "./spool-row";

export class SpoolCard extends FeedCard {
  protected override feeds(hass: Hass) {
    return [...super.feeds(hass), ...spoolFeeds(hass.connection)];
  }

  protected override content(hass: Hass): TemplateResult {
    const spools = shownSpools(hass.connection);
    if (!spools)
      return spoolFeedOf(hass.connection).failed
        ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"))
        : this.note("mdi:printer-3d", text(hass, "spool.loading"));
    const { spool: id } = this.config;
    // Without one in the configuration it is the spool seen last.
    const spool = id ? spoolOf(spools, String(id)) : spools[0];
    if (!spool)
      return this.note("mdi:help-circle-outline", text(hass, id ? "spool.gone" : "spool.nothing"));
    return html`<header>
        ${drawn("identified", { colors: spool.colors, remaining_percent: spool.remaining_percent ?? undefined })}
        <h2 dir="auto">${this.heading || nameOf(hass, spool)}</h2>
      </header>
      <filament-slots-spool .hass=${hass} .spool=${spool}></filament-slots-spool>`;
  }

  static override styles = [
    shared,
    spoolStyles,
    css`
      header {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 12px 16px 4px;
        --spool-size: 48px;
      }
      h2 {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      filament-slots-spool {
        padding: 0 16px 12px;
        overflow-y: auto;
      }
    `,
  ];
}
