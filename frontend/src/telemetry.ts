/** Humidity, temperature and drying of a unit, with a level in words and colour. */

import { css, html, nothing, type TemplateResult } from "lit";
import { type Hass, text } from "./ha";
import type { Unit } from "./model";
import { percentText } from "./spool";

export type Humidity = "dry" | "moderate" | "humid";
export type Warmth = "normal" | "warm" | "hot";

/** How dry a unit is: by percent, else by the level of the printer from 1, wet, to 5, dry. */
export function humidityLevel({ humidity_percent, humidity_index }: Unit): Humidity | undefined {
  if (humidity_percent !== null)
    return humidity_percent <= 30 ? "dry" : humidity_percent <= 50 ? "moderate" : "humid";
  if (humidity_index === null) return undefined;
  return humidity_index >= 4 ? "dry" : humidity_index === 3 ? "moderate" : "humid";
}

/** How warm a unit is. While it dries its heat is wanted. */
export function warmthLevel({ temperature_c, drying }: Unit): Warmth | undefined {
  if (temperature_c === null) return undefined;
  if (drying || temperature_c <= 35) return "normal";
  return temperature_c <= 45 ? "warm" : "hot";
}

export function telemetry(hass: Hass, unit: Unit): TemplateResult {
  const { language } = hass.locale;
  const { humidity_percent: percent, temperature_c, drying_minutes_left: minutes } = unit;
  const humidity = humidityLevel(unit);
  const warmth = warmthLevel(unit);
  return html`${
    unit.drying
      ? reading(
          text(hass, "card.drying"),
          "mdi:heat-wave",
          minutes ? duration(minutes, language) : "",
        )
      : nothing
  }${
    humidity
      ? reading(
          text(hass, "card.humidity"),
          "mdi:water-percent",
          percent !== null ? percentText(percent, language) : `${unit.humidity_index}/5`,
          humidity,
          text(hass, `level.${humidity}`),
        )
      : nothing
  }${
    warmth && temperature_c !== null
      ? reading(
          text(hass, "card.temperature"),
          "mdi:thermometer",
          degrees(temperature_c, language),
          warmth,
          text(hass, `level.${warmth}`),
        )
      : nothing
  }`;
}

/** A temperature as Home Assistant writes it; with its unit, Intl writes "26 st. C" in Polish. */
export function degrees(celsius: number, language: string): string {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  return `${number.format(celsius)} °C`;
}

function reading(name: string, icon: string, value: string, level = "", word = "") {
  return html`<span class="reading ${level}" title=${[name, value, word].filter(Boolean).join(" ")}>
    <ha-icon .icon=${icon}></ha-icon><span class="hidden">${name}</span>${value}
    ${word ? html`<span class="word">${word}</span>` : nothing}</span>`;
}

export function duration(minutes: number, language: string): string {
  const part = (value: number, unit: string) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }).format(value);
  const hours = Math.floor(minutes / 60);
  return [hours ? part(hours, "hour") : "", minutes % 60 ? part(minutes % 60, "minute") : ""]
    .join(" ")
    .trim();
}

export const telemetryStyles = css`
  .telemetry {
    display: inline-flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 10px;
    --mdc-icon-size: 16px;
  }
  .reading {
    display: inline-flex;
    align-items: center;
    flex-wrap: wrap;
    gap: 2px;
  }
  .dry ha-icon,
  .normal ha-icon {
    color: var(--success-color, #43a047);
  }
  .moderate ha-icon,
  .warm ha-icon {
    color: var(--warning-color, #ffa600);
  }
  .humid ha-icon,
  .hot ha-icon {
    color: var(--error-color, #db4437);
  }
  .humid .word,
  .hot .word {
    color: var(--primary-text-color);
    font-weight: var(--ha-font-weight-medium, 500);
  }
`;
