/** Renders a bay of a unit: its spool, what it is, and its name for screen readers. */

import { html, nothing, type TemplateResult } from "lit";
import { colourName, coloursOf } from "./colour";
import { shortId } from "./events";
import { type Hass, stateText, text } from "./ha";
import type { Bay, Slot } from "./model";
import { canAssign, type View } from "./slot-sheet";
import { filamentOf, isDescribed, type Look, lookOf, lowOf, spool } from "./spool";
import { leftText } from "./spool-row";

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
  const filament = filamentOf(slot);
  const [first, second] = words(hass, slot, look);
  // Anything but a material or a spool is shown less prominently.
  const muted = first !== filament.material && look !== "identified";
  const left = look === "empty" ? "" : leftText(hass, filament);
  const active = here && slot.active === true;
  const asks = look === "unidentified" && !isDescribed(filament) && canAssign(hass, slot);
  // What is shown is hidden from screen readers: they read the sentence, once.
  return html`<button
    class="bay ${active ? "active" : ""}"
    data-label=${label}
    @click=${() => open(slot, asks ? "assign" : "details")}
  >
    <span class="hidden">${spoken(hass, printer, slot, active)}</span>
    <span class="label" aria-hidden="true">${label}${active ? html`<ha-icon .icon=${"mdi:printer-3d-nozzle"}></ha-icon>` : nothing}</span>
    ${spool(look, filament, lowOf(slot))}
    <span class="first ${muted ? "nothing" : ""}" aria-hidden="true" dir="auto" title=${first}>${first}</span>
    ${second ? html`<span class="second secondary" aria-hidden="true" dir="auto" title=${second}>${second}</span>` : nothing}
    ${left ? html`<span class="secondary" aria-hidden="true">${left}</span>` : nothing}
    ${lowOf(slot) ? sign("mdi:tray-alert", text(hass, "spool.low")) : nothing}
    ${slot.spool?.mismatch ? sign("mdi:not-equal-variant", text(hass, "spool.mismatch")) : nothing}
    </button>
    ${
      asks
        ? html`<button class="chip assign" title=${text(hass, "assign.title", { label })}
          @click=${() => open(slot, "assign")}>${text(hass, "assign.assign")}
          <span class="hidden">${label}</span></button>`
        : nothing
    }`;
}

/** A warning, as a sign and in words; hidden from screen readers, which read the sentence. */
function sign(icon: string, words: string): TemplateResult {
  return html`<span class="sign" aria-hidden="true"><ha-icon .icon=${icon}></ha-icon>${words}</span>`;
}

/** The name of a bay for screen readers: "X1-Carbon, slot A1: PLA Basic, blue, 80 % left" */
export function spoken(hass: Hass, printer: string, slot: Slot, active: boolean): string {
  const look = lookOf(slot);
  const filament = filamentOf(slot);
  const empty = look === "empty";
  const names = empty ? [] : [...new Set(coloursOf(filament).map(colourName))];
  const [first, second] = words(hass, slot, look);
  // "PLA Basic" contains its material already.
  const name = second.includes(first) ? [second] : [first, second];
  const parts = [
    ...name,
    ...names.map((colour) => text(hass, `colour.${colour}`)),
    empty ? "" : leftText(hass, filament),
    lowOf(slot) ? text(hass, "spool.low") : "",
    slot.spool?.mismatch ? text(hass, "spool.mismatch") : "",
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
  const filament = filamentOf(slot);
  const { material, name, vendor } = filament;
  if (look === "empty") return [stateText(hass, "sensor.status", "empty"), ""];
  if (look === "unknown") return [text(hass, "card.unknown"), ""];
  const known = slot.assigned_label || name || shortId(slot.assigned_external_id);
  const first =
    material ||
    known ||
    stateText(hass, "sensor.status", look === "unidentified" ? look : "identified");
  if (look === "unidentified" && isDescribed(filament))
    return [first, [known || vendor, text(hass, "card.no_tag")].filter(Boolean).join(" · ")];
  return [first, known === first ? "" : known];
}
