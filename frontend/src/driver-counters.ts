/** How the counters of a driver are shown. */

import type { Hass } from "./ha";

// Their value is shown over time; of all others what they gain.
const GAUGES = new Set(["bytes_held"]);

export function isGauge(counter: string): boolean {
  return GAUGES.has(counter);
}

/** "Messages received", as the sensor of the counter; one without a sensor is shown with its key. */
export function counterName(hass: Hass, counter: string): string {
  return (
    hass.localize(`component.filament_slots.entity.sensor.counter_${counter}.name`) ||
    counter.replaceAll("_", " ")
  );
}

/** "1,234", "5.6 MB", "3 s" */
export function counterText(hass: Hass, counter: string, value: number | null): string {
  if (value === null) return "–";
  const [number, unit] = counter.startsWith("bytes")
    ? inUnit(value, "byte", "kilobyte", "megabyte")
    : counter.endsWith("_ms")
      ? inUnit(value, "millisecond", "second")
      : [value];
  return new Intl.NumberFormat(hass.locale.language, {
    maximumFractionDigits: 1,
    ...(unit ? { style: "unit", unit, unitDisplay: "short" } : {}),
  }).format(number);
}

/** A value in the largest of these units, each a thousand of the one before, that it fills. */
function inUnit(value: number, unit: string, ...larger: string[]): [number, string] {
  const [next, ...others] = larger;
  return next && value >= 1_000 ? inUnit(value / 1_000, next, ...others) : [value, unit];
}
