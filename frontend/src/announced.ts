/** The announced next spool: waited for, taken by a slot, or not inserted in time. */

import { css, html, nothing, type TemplateResult } from "lit";
import { shortId } from "./events";
import { deviceName, type Hass, text, timeZone } from "./ha";
import type { Announced, Printer } from "./model";

export type Fate = "waiting" | "taken" | "expired";

/** How long the outcome of an announcement is shown, in milliseconds. */
const SHOWN_FOR = 10 * 60_000;
const ICONS: Record<Fate, string> = {
  waiting: "mdi:timer-sand",
  taken: "mdi:tray-arrow-down",
  expired: "mdi:timer-alert-outline",
};

/** What became of an announcement; undefined once that is no longer shown. */
export function fateOf({ taken_at, until }: Announced, now: number): Fate | undefined {
  const end = Date.parse(taken_at ?? until);
  if (now >= end + SHOWN_FOR) return undefined;
  return taken_at ? "taken" : now < end ? "waiting" : "expired";
}

/** The announcement for a printer, or with null the one for any. */
export function announcedFor(
  printers: readonly Printer[],
  printer_id: number | null,
): Announced | undefined {
  return printers
    .flatMap(({ announced }) => announced)
    .find((announced) => announced.printer_id === printer_id);
}

/** How long, in milliseconds, until an announcement changes by itself; undefined for none. */
export function untilChange(printers: readonly Printer[], now: number): number | undefined {
  const ends = printers
    .flatMap(({ announced }) => announced)
    .flatMap(({ taken_at, until }) => [
      ...(taken_at ? [] : [Date.parse(until)]),
      Date.parse(taken_at ?? until) + SHOWN_FOR,
    ])
    .filter((end) => end > now);
  return ends.length > 0 ? Math.min(...ends) - now : undefined;
}

/** "Next spool: Galaxy black, until 14:35", "Taken by A3: Galaxy black" */
export function announcedText(
  hass: Hass,
  printers: readonly Printer[],
  announced: Announced,
  fate: Fate,
): string {
  const { external_id, label, printer_id, taken_by, taken_in, until } = announced;
  const name = label || shortId(external_id) || external_id;
  if (fate === "taken") {
    const printer = printers.find((one) => one.printer_id === taken_by);
    const place = [
      printer && printer_id === null ? deviceName(hass, printer.device_id, printer.name) : "",
      taken_in,
    ];
    return text(hass, "expect.taken", { name, place: place.filter(Boolean).join(" · ") });
  }
  if (fate === "expired") return text(hass, "expect.expired", { name });
  const clock = new Intl.DateTimeFormat(hass.locale.language, {
    timeStyle: "short",
    timeZone: timeZone(hass),
  });
  return text(hass, printer_id === null ? "expect.waiting_anywhere" : "expect.waiting", {
    name,
    time: clock.format(new Date(until)),
  });
}

/** The announcement for a printer, or with null for any; read aloud as it changes. */
export function notice(
  hass: Hass,
  printers: readonly Printer[],
  printer_id: number | null,
): TemplateResult {
  const announced = announcedFor(printers, printer_id);
  const withdraw = () => {
    const printer = printers.find((one) => one.printer_id === printer_id);
    const where = printer?.device_id ? { device_id: printer.device_id } : {};
    // Home Assistant shows the error.
    void hass.callService("filament_slots", "expect_spool", where).catch(() => undefined);
  };
  const fate = announced && fateOf(announced, Date.now());
  return html`<div class="announced ${fate ?? ""}" role="status">${
    announced && fate
      ? html`<ha-icon .icon=${ICONS[fate]}></ha-icon>
        <span class="about"><span class="words" dir="auto">${announcedText(hass, printers, announced, fate)}</span>
        ${fate === "waiting" ? html`<span class="secondary">${text(hass, "expect.insert")}</span>` : nothing}</span>
        ${
          fate === "waiting"
            ? html`<filament-slots-countdown aria-hidden="true" .until=${announced.until}></filament-slots-countdown>
              <button class="chip" @click=${withdraw}>${text(hass, "expect.withdraw")}</button>`
            : html`<button class="icon" aria-label=${text(hass, "sheet.close")} @click=${withdraw}>
              <ha-icon .icon=${"mdi:close"}></ha-icon></button>`
        }`
      : nothing
  }</div>`;
}

export const announcedStyles = css`
  .announced:not(:empty) {
    display: flex;
    align-items: center;
    gap: 8px;
    min-height: 44px;
    padding-inline: 12px 4px;
    margin-block-end: 10px;
    border-radius: var(--ha-border-radius-lg, 12px);
    background: color-mix(in srgb, var(--primary-color) 12%, transparent);
  }
  .announced.taken {
    background: color-mix(in srgb, var(--success-color, #43a047) 16%, transparent);
  }
  .announced.expired {
    background: color-mix(in srgb, var(--warning-color, #ffa600) 16%, transparent);
  }
  .about {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .about .secondary {
    display: block;
    color: inherit;
  }
  .announced .chip {
    min-height: 44px;
    padding: 3px 12px;
    border: 0;
    white-space: normal;
  }
  .announced .icon {
    min-width: 44px;
    min-height: 44px;
    border-radius: 50%;
  }
`;
