/** A spool in a list: its swatch, what it is, what is left, and where it is. */

import { css, html, nothing, type TemplateResult } from "lit";
import { type Coloured, colourName, coloursOf } from "./colour";
import { shortId } from "./events";
import { type Hass, text } from "./ha";
import type { Listed, SpoolSlot } from "./library";
import type { Filament, SlotSpool } from "./model";
import { spool as drawn, percentLeft, percentText } from "./spool";

interface Remaining {
  remaining_g?: number | null | undefined;
  remaining_percent?: number | null | undefined;
}

/** The content of the button of a spool. */
export function spoolRow(hass: Hass, spool: Listed): TemplateResult {
  const { colors, remaining_percent, slots, last_slot, low, location } = spool;
  const facts = [
    spool.name?.includes(spool.material ?? "") ? null : spool.material,
    spool.vendor,
    leftText(hass, spool),
    slots.length > 0
      ? slots.map(placeText).join(", ")
      : last_slot
        ? text(hass, "pick.last", { place: placeText(last_slot) })
        : location,
  ];
  return html`${drawn("identified", { colors, remaining_percent: remaining_percent ?? undefined }, low ?? false)}
    <span class="about" dir="auto">${nameOf(hass, spool)}
      <span class="secondary">${facts.filter(Boolean).join(" · ")}</span></span>
    ${low ? lowChip(hass) : nothing}`;
}

/** The name of a spool, else what else it is known by. */
export function nameOf(
  hass: Hass,
  { name, material, external_id }: Pick<Listed, "name" | "material" | "external_id">,
): string {
  return name || material || shortId(external_id) || text(hass, "timeline.unknown_spool");
}

/** "640 g left", or "64 % left" where grams are not known; "" where neither is. */
export function leftText(hass: Hass, filament: Remaining): string {
  const [left] = leftTexts(hass, filament);
  return left ? text(hass, "card.left", { percent: left }) : "";
}

/** What is left in grams and in percent, as far as it is known. */
export function leftTexts(hass: Hass, { remaining_g, remaining_percent }: Remaining): string[] {
  const { language } = hass.locale;
  const grams = new Intl.NumberFormat(language, {
    style: "unit",
    unit: "gram",
    maximumFractionDigits: 0,
  });
  const percent = percentLeft({ remaining_percent: remaining_percent ?? undefined });
  return [
    ...(typeof remaining_g === "number" ? [grams.format(remaining_g)] : []),
    ...(percent === undefined ? [] : [percentText(percent, language)]),
  ];
}

export function placeText({ printer, label, slot_no }: SpoolSlot): string {
  return `${printer} · ${label ?? slot_no}`;
}

/** States in words and by a sign that little is left. */
export function lowChip(hass: Hass): TemplateResult {
  return html`<span class="chip low"><ha-icon .icon=${"mdi:tray-alert"}></ha-icon>${text(hass, "spool.low")}</span>`;
}

/** The link to the page of a spool in its inventory. */
export function spoolLink(hass: Hass, url: string): TemplateResult {
  return html`<a class="chip" href=${url} target="_blank" rel="noopener noreferrer">${text(hass, "spool.open_inventory")}
    <ha-icon .icon=${"mdi:open-in-new"}></ha-icon></a>`;
}

/** "The printer is set to PETG, blue; the spool is PLA, black." */
export function mismatchText(hass: Hass, spool: SlotSpool, filament: Filament): string {
  const described = (material: string | null | undefined, coloured: Coloured) =>
    [
      material,
      ...new Set(coloursOf(coloured).map((colour) => text(hass, `colour.${colourName(colour)}`))),
    ]
      .filter(Boolean)
      .join(", ");
  return text(hass, "spool.mismatch_help", {
    slot: described(filament.material, filament),
    spool: described(spool.material, spool),
  });
}

export const rowStyles = css`
  li > button {
    display: flex;
    align-items: center;
    gap: 12px;
    width: 100%;
    min-height: 52px;
    padding: 4px 6px;
    border-radius: var(--ha-border-radius-md, 8px);
    text-align: start;
    overflow-wrap: anywhere;
    --spool-size: 36px;
  }
  li > button:hover {
    background: var(--tint);
  }
  .about {
    flex: 1;
    min-width: 0;
  }
  .about .secondary {
    display: block;
  }
  .chip.low {
    --mdc-icon-size: 14px;
  }
`;
