/** Renders a bay of a unit: its spool, what it is, and its name for screen readers. */

import { html, nothing, type TemplateResult } from "lit";
import { colourName, coloursOf } from "./colour";
import { shortId } from "./events";
import { type Hass, stateText, text } from "./ha";
import type { Bay, Slot } from "./model";
import { canAssign, type View } from "./slot-sheet";
import { isDescribed, type Look, lookOf, percentLeft, percentText, spool } from "./spool";

export function bay(
  hass: Hass,
  printer: string,
  { slot_no, slot }: Bay,
  here: boolean,
  open: (slot: Slot, view: View) => void,
): TemplateResult {
  if (!slot)
    return html`<div class="bay"><span class="label">${slot_no}</span>${spool("unknown", {})}
      <span class="first nothing">${text(hass, "card.unknown")}</span></div>`;
  const label = slot.label ?? String(slot_no);
  const look = lookOf(slot);
  const [first, second] = words(hass, slot, look);
  // Anything but a material or a spool is shown less prominently.
  const muted = first !== slot.filament.material && look !== "identified";
  const left = look === "empty" ? undefined : percentLeft(slot.filament);
  const active = here && slot.active === true;
  const asks = look === "unidentified" && !isDescribed(slot.filament) && canAssign(hass, slot);
  // What is shown is hidden from screen readers: they read the sentence, once.
  return html`<button
    class="bay ${active ? "active" : ""}"
    data-label=${label}
    @click=${() => open(slot, asks ? "assign" : "details")}
  >
    <span class="hidden">${spoken(hass, printer, slot, active)}</span>
    <span class="label" aria-hidden="true">${label}${active ? html`<ha-icon .icon=${"mdi:printer-3d-nozzle"}></ha-icon>` : nothing}</span>
    ${spool(look, slot.filament)}
    <span class="first ${muted ? "nothing" : ""}" aria-hidden="true" dir="auto" title=${first}>${first}</span>
    ${second ? html`<span class="second secondary" aria-hidden="true" dir="auto" title=${second}>${second}</span>` : nothing}
    ${
      left === undefined
        ? nothing
        : html`<span class="secondary" aria-hidden="true">${text(hass, "card.left", {
            percent: percentText(left, hass.locale.language),
          })}</span>`
    }
    </button>
    ${
      asks
        ? html`<button class="chip assign" title=${text(hass, "assign.title", { label })}
          @click=${() => open(slot, "assign")}>${text(hass, "assign.assign")}
          <span class="hidden">${label}</span></button>`
        : nothing
    }`;
}

/** The name of a bay for screen readers: "X1-Carbon, slot A1: PLA Basic, blue, 80 % left" */
export function spoken(hass: Hass, printer: string, slot: Slot, active: boolean): string {
  const look = lookOf(slot);
  const { filament } = slot;
  const empty = look === "empty";
  const left = empty ? undefined : percentLeft(filament);
  const names = empty ? [] : [...new Set(coloursOf(filament).map(colourName))];
  const [first, second] = words(hass, slot, look);
  // "PLA Basic" contains its material already.
  const name = second.includes(first) ? [second] : [first, second];
  const parts = [
    ...name,
    ...names.map((colour) => text(hass, `colour.${colour}`)),
    left === undefined
      ? ""
      : text(hass, "card.left", { percent: percentText(left, hass.locale.language) }),
    active ? stateText(hass, "binary_sensor.active", "on") : "",
  ];
  return text(hass, "card.spoken", {
    printer,
    label: slot.label ?? String(slot.slot_no),
    content: parts.filter(Boolean).join(", "),
  });
}

/** What is shown under the spool: what it is, and what else is known of it. */
export function words(hass: Hass, slot: Slot, look: Look): [string, string] {
  const { material, name, vendor } = slot.filament;
  if (look === "empty") return [stateText(hass, "sensor.status", "empty"), ""];
  if (look === "unknown") return [text(hass, "card.unknown"), ""];
  const known = slot.assigned_label || name || shortId(slot.assigned_external_id);
  const first =
    material ||
    known ||
    stateText(hass, "sensor.status", look === "unidentified" ? look : "identified");
  if (look === "unidentified" && isDescribed(slot.filament))
    return [first, [known || vendor, text(hass, "card.no_tag")].filter(Boolean).join(" · ")];
  return [first, known === first ? "" : known];
}
