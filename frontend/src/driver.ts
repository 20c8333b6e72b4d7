/** Drivers as the websocket sends them, and texts about them. */

import { ago } from "./days";
import { exceptionText, type Hass, stateText, text } from "./ha";
import type { Schema } from "./schema";

export interface LastError {
  code: string;
  at: string;
}

export interface Health {
  status: string;
  since: string;
  last_error: LastError | null;
}

export interface EntryError {
  code: string;
  message: string;
  placeholders: Record<string, string>;
}

/** Of an entry that is not loaded. */
export interface EntryHealth {
  status: string;
  last_error: EntryError | null;
}

/** What a driver can do when it is asked to. */
export interface Capability {
  id: string;
  name: string;
  description: string;
  input_schema: Schema;
  output_schema: Schema;
  read_only: boolean;
}

export interface DriverInfo {
  key: string;
  name: string;
  version: string;
  author: string;
  documentation_url: string;
  component: string;
}

export interface Driver {
  entry_id: string;
  device_id: string | null;
  name: string;
  state: string;
  info: DriverInfo | null;
  health: Health | EntryHealth;
  capabilities: Capability[];
}

/** The error of a driver or of its entry; "" without one. */
export function lastErrorText(
  hass: Hass,
  { last_error }: { last_error: LastError | EntryError | null },
): string {
  if (!last_error) return "";
  return "at" in last_error
    ? text(hass, "health.last_error", {
        error: codeText(hass, last_error.code),
        age: ago(last_error.at, new Date(), hass.locale.language),
      })
    : exceptionText(hass, last_error.code, last_error.placeholders) || last_error.message;
}

/** "Access denied" */
export function codeText(hass: Hass, code: string): string {
  const errors = "entity.sensor.driver_status.state_attributes.error.state";
  return hass.localize(`component.filament_slots.${errors}.${code}`) || code;
}

/** "Running · 5 minutes ago" */
export function statusText(
  hass: Hass,
  { since, status }: { status: string; since?: string | null },
): string {
  return [
    stateText(hass, "sensor.driver_status", status),
    since ? ago(since, new Date(), hass.locale.language) : text(hass, "card.not_loaded"),
  ].join(" · ");
}

/** The name or the description of a capability: of the shipped drivers in the user's language. */
export function capabilityText(
  hass: Hass,
  { info }: Driver,
  capability: Capability,
  part: "name" | "description",
): string {
  const group = part === "name" ? "capability" : "capability_description";
  const ours = info?.component === "filament_slots" && text(hass, `${group}.${capability.id}`);
  return ours || capability[part];
}

/** Reconnect a driver. Home Assistant shows an error, and the card the status. */
export async function restart(hass: Hass, { device_id }: Driver): Promise<void> {
  await hass.callService("filament_slots", "restart_driver", { device_id }).catch(() => undefined);
}

/** Whether a driver can be restarted. */
export function canRestart({ device_id, state }: Driver): boolean {
  return state === "loaded" && device_id !== null;
}
