/** Texts of what a slot waits for, and of actions that failed, in the user's language. */

import { type Hass, text, timeZone } from "./ha";

/** A change that is not confirmed yet, as `explain_slot` returns it. */
export interface Pending {
  change: string;
  until: string | null;
  waits_for: string;
}

/** Ask what a slot waits for; empty where nothing is pending. */
export async function pendingOf(hass: Hass, device_id: string): Promise<Pending[]> {
  const { response } = await hass.connection.sendMessagePromise<{
    response: { details: { pending: Pending[] } | null };
  }>({
    type: "call_service",
    domain: "filament_slots",
    service: "explain_slot",
    service_data: { device_id },
    return_response: true,
  });
  return response.details?.pending ?? [];
}

/** Why a slot reads as it does: what is pending, what it waits for, and until when. */
export function explained(hass: Hass, pending: readonly Pending[]): string {
  const clock = new Intl.DateTimeFormat(hass.locale.language, {
    timeStyle: "medium",
    timeZone: timeZone(hass),
  });
  return pending
    .flatMap(({ change, until, waits_for }) => [
      text(hass, `explanation.pending_${change}`),
      text(hass, `explanation.waits_for_${waits_for}`),
      until ? text(hass, "explanation.decided", { time: clock.format(new Date(until)) }) : "",
    ])
    .filter(Boolean)
    .join(" ");
}

interface ActionError {
  translation_domain?: string;
  translation_key?: string;
  translation_placeholders?: Record<string, string>;
}

/** The text of an action that failed; one of a library is replaced by ours. */
export async function errorText(hass: Hass, error: unknown): Promise<string> {
  const { translation_domain, translation_key, translation_placeholders } = error as ActionError;
  if (translation_domain !== "filament_slots" || !translation_key)
    return text(hass, "sheet.failed");
  await hass.loadBackendTranslation("exceptions", translation_domain);
  return (
    currentHass(hass).localize(
      `component.filament_slots.exceptions.${translation_key}.message`,
      translation_placeholders,
    ) || text(hass, "sheet.failed")
  );
}

/** Texts that were just loaded are in the next `hass` object, not in this one. */
function currentHass(hass: Hass): Hass {
  if (typeof document === "undefined") return hass;
  return (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass ?? hass;
}
