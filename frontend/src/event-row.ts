/** Renders an event as a row of the timeline. */

import { html, nothing, type TemplateResult } from "lit";
import {
  eventIcon,
  eventLook,
  eventText,
  eventTitle,
  moreChanges,
  spoolId,
  spoolName,
} from "./events";
import { deviceName, type Hass, stateText, text, timeZone } from "./ha";
import type { Printer, Row, SlotEvent } from "./model";
import { spool } from "./spool";

/** The name of the printer of an event, which may have been removed. */
export function printerOf(hass: Hass, printers: readonly Printer[], event: SlotEvent): string {
  const printer = printerFor(printers, event);
  return printer
    ? deviceName(hass, printer.device_id, printer.name)
    : text(hass, "timeline.removed_printer");
}

/** A row of the timeline; about: opens its spool. follow: shows the whole history of it. */
export function eventRow(
  hass: Hass,
  printers: readonly Printer[],
  { event, unidentified }: Row,
  about: (event: SlotEvent) => void,
  follow?: (event: SlotEvent) => void,
): TemplateResult {
  const meta = event.meta ?? {};
  const title = eventTitle(hass, event);
  const label = meta.slot_label ?? String(event.slot.slot_no);
  const where = [
    eventText(hass, event),
    printers.length > 1 || !printerFor(printers, event) ? printerOf(hass, printers, event) : "",
  ]
    .filter(Boolean)
    .join(" · ");
  const time = new Intl.DateTimeFormat(hass.locale.language, {
    timeStyle: "short",
    timeZone: timeZone(hass),
  });
  const more = moreChanges(event);
  const folded = unidentified && event.event_type === "spool_inserted";
  const chips = [
    folded ? stateText(hass, "sensor.status", "unidentified") : "",
    meta.reason === "runout"
      ? hass.localize(
          "component.filament_slots.entity.event.spool.state_attributes.reason.state.runout",
        )
      : "",
    meta.detected_late ? text(hass, "timeline.late") : "",
    meta.replay ? text(hass, "timeline.replayed") : "",
    meta.persisted === false ? text(hass, "timeline.not_stored") : "",
    more ? text(hass, "timeline.more_changes", { count: more }) : "",
  ];
  const disc = spool(eventLook(event), { ...meta.filament, remaining_percent: undefined });
  return html`<li>
      <time class="secondary" datetime=${event.event_at}>${time.format(new Date(event.event_at))}</time>
      <ha-icon class=${event.event_type} .icon=${eventIcon(event)}></ha-icon>
      ${
        spoolId(event)
          ? html`<button class="about" aria-label=${text(hass, "spool.about", { name: spoolName(hass, event) })}
            title=${text(hass, "spool.about", { name: spoolName(hass, event) })}
            @click=${() => about(event)}>${disc}</button>`
          : disc
      }
      <div class="what">
        <div dir="auto"><b class="slot">${label}</b> <bdi title=${title}>${title}</bdi>
          ${chips.filter(Boolean).map((chip) => html`<span class="chip">${chip}</span> `)}</div>
        ${where ? html`<div class="secondary where" dir="auto" title=${where}>${where}</div>` : nothing}
      </div>
      ${
        spoolId(event) && follow
          ? html`<button class="icon" aria-label=${text(hass, "timeline.follow_spool", { name: spoolName(hass, event) })}
            title=${text(hass, "timeline.follow_spool", { name: spoolName(hass, event) })}
            @click=${() => follow(event)}><ha-icon .icon=${"mdi:map-marker-path"}></ha-icon></button>`
          : nothing
      }
    </li>`;
}

function printerFor(printers: readonly Printer[], event: SlotEvent): Printer | undefined {
  return printers.find(
    (one) => one.entry_id === event.entry_id || one.printer_id === event.printer_id,
  );
}
