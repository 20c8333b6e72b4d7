/** What a card of many printers has besides: a summary, filters, and printers that collapse. */

import { html, nothing, type TemplateResult } from "lit";
import { choices, type SlotFilter, summaryOf } from "./attention";
import { type Hass, text } from "./ha";
import type { Printer } from "./model";
import { filamentOf, lookOf, spool } from "./spool";

const KEY = "filament-slots-collapsed";

/** The entries of the printers that this browser shows collapsed. */
export function storedCollapsed(): Set<string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(Array.isArray(stored) ? stored : []);
  } catch {
    // Storage that is blocked or was written by something else.
    return new Set();
  }
}

export function storeCollapsed(entries: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...entries]));
  } catch {
    // Without storage they are collapsed until the page is left.
  }
}

/** The summary line, and the filters. */
export function tools(
  hass: Hass,
  printers: readonly Printer[],
  filter: SlotFilter,
  choose: (filter: SlotFilter) => void,
): TemplateResult {
  const { materials, colours } = choices(printers);
  const { attention } = summaryOf(printers);
  const select = (name: "material" | "colour", names: [string, string][]) => html`<select
    aria-label=${text(hass, `filter.${name}`)}
    @change=${({ target }: Event) => choose({ ...filter, [name]: (target as HTMLSelectElement).value })}
  >
    <option value="" ?selected=${!filter[name]}>${text(hass, `filter.any_${name}`)}</option>
    ${names.map(([value, shown]) => html`<option value=${value} ?selected=${value === filter[name]}>${shown}</option>`)}
  </select>`;
  return html`<div class="tools">
    <p class="secondary">${summary(hass, printers)}</p>
    <div class="filters" role="group" aria-label=${text(hass, "filter.title")}>
      <button class="chip" aria-pressed=${filter.attention ? "true" : "false"}
        @click=${() => choose({ ...filter, attention: !filter.attention })}>
        ${text(hass, "filter.attention", { count: attention })}</button>
      ${select(
        "material",
        materials.map((material) => [material, material]),
      )}
      ${select(
        "colour",
        colours.map((colour) => [colour, text(hass, `colour.${colour}`)]),
      )}
    </div>
  </div>`;
}

/** "Printers: 6 · Spools: 22 · Offline: 1" */
export function summary(hass: Hass, printers: readonly Printer[]): string {
  const { attention: _, offline, ...always } = summaryOf(printers);
  return Object.entries({ ...always, ...(offline ? { offline } : {}) })
    .map(([name, count]) => text(hass, `filter.${name}`, { count }))
    .join(" · ");
}

/** The spools of a collapsed printer. */
export function miniatures(hass: Hass, printer: Printer): TemplateResult {
  const { spools } = summaryOf([printer]);
  return html`<span class="miniatures" title=${text(hass, "filter.spools", { count: spools })}>
    <span class="hidden">${text(hass, "filter.spools", { count: spools })}</span>
    ${printer.slots.map((slot) => {
      const look = lookOf(slot);
      return look === "empty" || look === "unknown"
        ? nothing
        : spool(look, { ...filamentOf(slot), remaining_percent: undefined });
    })}</span>`;
}
