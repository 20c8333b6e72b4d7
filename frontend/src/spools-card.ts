/** Card with all spools of the library: those in slots, those out of them, and a search. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { FeedCard, shared } from "./base";
import { type Hass, text } from "./ha";
import { type AnySpool, type Part, partOf, searched } from "./library";
import { spoolStyles } from "./spool";
import { spoolFeedOf } from "./spool-feed";
import { shownSpools, spoolFeeds } from "./spool-feeds";
import { rowStyles, spoolRow } from "./spool-row";
import type { SpoolSheet } from "./spool-sheet";

const PARTS: Part[] = ["all", "in_slot", "out", "low"];
// More are added when the end of the list comes into sight.
const STEP = 60;

export class SpoolsCard extends FeedCard {
  private shown: Part = "all";
  private search = "";
  private most = STEP;

  private readonly sight = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    this.most += STEP;
    this.requestUpdate();
  });

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sight.disconnect();
  }

  protected override feeds(hass: Hass) {
    return [...super.feeds(hass), ...spoolFeeds(hass.connection)];
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    this.sight.disconnect();
    const end = this.renderRoot.querySelector(".end");
    if (end) this.sight.observe(end);
  }

  protected override content(hass: Hass): TemplateResult {
    const spools = shownSpools(hass.connection);
    if (!spools)
      return spoolFeedOf(hass.connection).failed
        ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"))
        : this.note("mdi:printer-3d", text(hass, "spool.loading"));
    if (spools.length === 0) return this.note("mdi:tray", text(hass, "spool.nothing"));
    const names = new Map<string, string>();
    const named = (colour: string) => {
      const name = names.get(colour) ?? text(hass, `colour.${colour}`);
      names.set(colour, name);
      return name;
    };
    const found = searched(partOf(spools, this.shown), this.search, named);
    return html`<header>
        <h2>${this.heading || text(hass, "spool.all_title")}</h2>
        ${this.tools(hass, spools)}
      </header>
      <ul aria-label=${text(hass, "pick.list")}>
        ${repeat(
          found.slice(0, this.most),
          ({ id, url }) => id ?? url,
          (spool) =>
            html`<li><button @click=${() => this.open(spool)}>${spoolRow(hass, spool)}</button></li>`,
        )}
      </ul>
      ${found.length === 0 ? this.note("mdi:magnify", text(hass, "spools.none")) : nothing}
      ${found.length > this.most ? html`<div class="end"></div>` : nothing}
      <filament-slots-spool-sheet .hass=${hass}></filament-slots-spool-sheet>`;
  }

  private tools(hass: Hass, spools: readonly AnySpool[]): TemplateResult {
    const search = text(hass, "pick.search");
    return html`<div class="parts" role="group" aria-label=${text(hass, "filter.title")}>
        ${PARTS.map(
          (part) => html`<button class="chip" aria-pressed=${part === this.shown ? "true" : "false"}
            @click=${() => this.show({ shown: part })}>${text(hass, `spool.part_${part}`, {
              count: partOf(spools, part).length,
            })}</button>`,
        )}
      </div>
      <input type="search" aria-label=${search} placeholder=${search} dir="auto"
        autocomplete="off" autocapitalize="none" spellcheck="false" .value=${this.search}
        @input=${(event: Event) => this.show({ search: (event.target as HTMLInputElement).value })} />`;
  }

  private show(chosen: { shown?: Part; search?: string }): void {
    Object.assign(this, chosen, { most: STEP });
    this.requestUpdate();
  }

  private open({ id, url }: AnySpool): void {
    const sheet = this.renderRoot.querySelector<SpoolSheet>("filament-slots-spool-sheet");
    void sheet?.open((spools) =>
      spools.find((spool) => (id === null ? spool.url === url : spool.id === id)),
    );
  }

  static override styles = [
    shared,
    spoolStyles,
    rowStyles,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 12px;
        padding: 12px 16px 8px;
      }
      header h2 {
        flex: 1 0 auto;
        max-width: 100%;
        overflow-wrap: anywhere;
      }
      .parts {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
      }
      .parts button {
        min-height: 44px;
        padding: 4px 12px;
      }
      .parts [aria-pressed="true"] {
        background: color-mix(in srgb, var(--primary-color) 20%, transparent);
      }
      input {
        flex: 1 1 200px;
        min-width: 0;
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
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(280px, 100%), 1fr));
        gap: 0 12px;
        list-style: none;
        margin: 0;
        padding: 0 10px 12px;
      }
      .end {
        height: 1px;
      }
    `,
  ];
}
