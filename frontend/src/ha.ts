/** Types and helpers for the parts of Home Assistant's frontend that the cards use. */

export interface Connection {
  sendMessagePromise<T>(message: Record<string, unknown>): Promise<T>;
  subscribeMessage<T>(
    callback: (message: T) => void,
    message: Record<string, unknown>,
    options?: { resubscribe?: boolean },
  ): Promise<() => Promise<void> | void>;
  addEventListener(event: "ready" | "disconnected", callback: () => void): void;
  removeEventListener(event: "ready" | "disconnected", callback: () => void): void;
}

export interface Hass {
  connection: Connection;
  localize(key: string, values?: Record<string, string | number>): string;
  loadBackendTranslation(category: string, integration: string): Promise<unknown>;
  callService(
    domain: string,
    service: string,
    data: Record<string, unknown>,
    target?: undefined,
    notifyOnError?: boolean,
  ): Promise<unknown>;
  services: Record<string, Record<string, unknown>>;
  locale: { language: string; time_zone?: string };
  config: { time_zone: string };
  user?: { is_admin: boolean };
  entities: Record<string, EntityEntry>;
  devices: Record<string, DeviceEntry>;
}

interface EntityEntry {
  entity_id: string;
  device_id?: string | null;
  platform?: string;
  translation_key?: string;
}

interface DeviceEntry {
  name?: string | null;
  name_by_user?: string | null;
  parent_device_id?: string | null;
}

export interface CardConfig {
  type: string;
  title?: unknown;
  device?: unknown;
  /** Of the card of a spool: its id, or that of its tag. */
  spool?: unknown;
  /** Of the card of the connections: shown only when something needs the user, or nothing. */
  when?: unknown;
}

const OURS = "component.filament_slots";

/** A translated text of the cards. */
export function text(hass: Hass, key: string, values?: Record<string, string | number>): string {
  return hass.localize(`${OURS}.config_panel.${key}`, values);
}

/** A translated state of an entity of this integration. */
export function stateText(hass: Hass, entity: string, state: string): string {
  return hass.localize(`${OURS}.entity.${entity}.state.${state}`) || state;
}

export function loadTexts(hass: Hass): Promise<unknown> {
  return hass.loadBackendTranslation("config_panel", "filament_slots");
}

/** A translated error; empty until `loadExceptions` has loaded the texts. */
export function exceptionText(hass: Hass, code: string, values: Record<string, string>): string {
  return hass.localize(`${OURS}.exceptions.${code}.message`, values);
}

export function loadExceptions(hass: Hass): Promise<unknown> {
  return hass.loadBackendTranslation("exceptions", "filament_slots");
}

export function timeZone(hass: Hass): string {
  return hass.locale.time_zone === "server"
    ? hass.config.time_zone
    : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The user's name of a device, else its own, else `otherwise`. */
export function deviceName(hass: Hass, device: string | null, otherwise: string): string {
  const entry = device ? hass.devices[device] : undefined;
  return entry?.name_by_user || entry?.name || otherwise;
}

/** The main entity of a slot: its filament sensor, else the first enabled one. */
export function entityOf(hass: Hass, device: string): string | undefined {
  const entities = Object.values(hass.entities).filter(
    (entity) => entity.device_id === device && entity.platform === "filament_slots",
  );
  return (entities.find((entity) => entity.translation_key === "filament") ?? entities[0])
    ?.entity_id;
}

export function showMoreInfo(element: HTMLElement, entityId: string): void {
  element.dispatchEvent(
    new CustomEvent("hass-more-info", { bubbles: true, composed: true, detail: { entityId } }),
  );
}

export function navigate(path: string): void {
  history.pushState(null, "", path);
  window.dispatchEvent(new CustomEvent("location-changed", { detail: { replace: false } }));
}

// Only the user can mend these; the connection is not tried again, or tried in vain.
const ERRORS_OF_THE_USER = new Set([
  "new_certificate",
  "wrong_printer",
  "silent_printer",
  "not_moonraker",
  "tls_failed",
]);

/** Whether a printer needs its owner, so that an alert is shown and not only that it is off. */
export function needsUser(status: string | null, error: string | null): boolean {
  return (
    status === "auth_failed" ||
    status === "config_error" ||
    (error !== null && ERRORS_OF_THE_USER.has(error))
  );
}
