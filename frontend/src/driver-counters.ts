/** How the counters of a driver are shown. */

import { type Hass, text } from "./ha";

// Their value is shown over time; of all others what they gain.
const GAUGES = new Set(["bytes_held"]);

export function isGauge(counter: string): boolean {
  return GAUGES.has(counter);
}

/** "Messages"; a counter that has no text is shown with its key. */
export function counterName(hass: Hass, counter: string): string {
  return text(hass, `driver.counter_${counter}`) || counter.replaceAll("_", " ");
}

/** "1,234", "5.6 MB", "3 hr" */
export function counterText(hass: Hass, counter: string, value: number | null): string {
  if (value === null) return "–";
  const format = (number: number, unit?: string) =>
    new Intl.NumberFormat(hass.locale.language, {
      maximumFractionDigits: 1,
      ...(unit ? { style: "unit", unit, unitDisplay: "short" } : {}),
    }).format(number);
  if (counter.startsWith("bytes"))
    return value < 1e3
      ? format(value, "byte")
      : value < 1e6
        ? format(value / 1e3, "kilobyte")
        : format(value / 1e6, "megabyte");
  if (/seconds|uptime/.test(counter))
    return value < 120
      ? format(value, "second")
      : value < 7_200
        ? format(value / 60, "minute")
        : format(value / 3_600, "hour");
  return format(value);
}
