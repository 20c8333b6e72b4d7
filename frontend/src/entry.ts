/**
 * What every page of Home Assistant loads: the names of our cards and nothing else.
 * The cards come when one is shown.
 */

import type { CardConfig, Hass } from "./ha";

declare const PICKER: Record<string, Record<string, string>>;

interface CardElement extends HTMLElement {
  hass?: Hass;
  setConfig(config: CardConfig): void;
}

const cards = () => import("./cards");

/** Texts that Home Assistant asks for before any of its own are loaded. */
function picker(key: string): string {
  const language = currentHass()?.locale.language ?? document.documentElement.lang;
  return (PICKER[language.split("-")[0] as string] ?? PICKER.en)?.[key] ?? "";
}

function currentHass(): Hass | undefined {
  return (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass;
}

function defineCard(tag: string, rows: number): void {
  if (customElements.get(tag)) return;
  customElements.define(
    tag,
    class extends HTMLElement {
      private content?: CardElement;
      private config: CardConfig = { type: tag };
      private latest?: Hass;

      static getStubConfig() {
        return {};
      }

      static async getConfigForm() {
        const hass = currentHass();
        return hass && (await cards()).configForm(tag, hass);
      }

      setConfig(config: CardConfig): void {
        this.config = config;
        this.content?.setConfig(config);
      }

      set hass(hass: Hass) {
        this.latest = hass;
        if (this.content) this.content.hass = hass;
      }

      getCardSize(): number {
        return rows;
      }

      getGridOptions() {
        return { columns: 12, min_columns: 6, rows: "auto" };
      }

      connectedCallback(): void {
        this.style.display = "block";
        this.style.height = "100%";
        if (!this.content) void this.fetch();
      }

      private async fetch(): Promise<void> {
        try {
          await cards();
        } catch {
          // After an update the page still asks for what was there before.
          this.textContent = picker("reload");
          return;
        }
        if (this.content) return;
        this.content = document.createElement(`${tag}-content`) as CardElement;
        this.content.setConfig(this.config);
        if (this.latest) this.content.hass = this.latest;
        this.replaceChildren(this.content);
      }
    },
  );
}

function defineStrategy(tag: string): void {
  if (customElements.get(tag)) return;
  customElements.define(
    tag,
    class extends HTMLElement {
      // The cards follow the printers; the dashboard itself depends on nothing.
      static registryDependencies = [];

      static async generate(_config: unknown, hass: Hass) {
        return (await import("./strategy")).dashboard(hass);
      }

      static getCreateSuggestions() {
        return { title: picker("strategy"), icon: "mdi:printer-3d" };
      }
    },
  );
}

/** The cards that make sense for one of our entities: of the device it belongs to. */
function suggest(type: string, name: string) {
  return (hass: Hass, entityId: string) => {
    const entity = hass.entities[entityId];
    if (entity?.platform !== "filament_slots" || !entity.device_id) return null;
    const device = hass.devices[entity.device_id]?.parent_device_id ?? entity.device_id;
    return { label: picker(name), config: { type: `custom:${type}`, device } };
  };
}

function offerCard(type: string, name: string, suggested: boolean): void {
  const offers = ((window as { customCards?: object[] }).customCards ??= []);
  offers.push({
    type,
    preview: true,
    // Read when the picker opens, in the language of that moment.
    get name() {
      return picker(name);
    },
    get description() {
      return picker(`${name}_description`);
    },
    ...(suggested ? { getEntitySuggestion: suggest(type, name) } : {}),
  });
}

defineCard("filament-slots-card", 5);
defineCard("filament-slots-timeline-card", 8);
defineCard("filament-slots-health-card", 3);
offerCard("filament-slots-card", "card", true);
offerCard("filament-slots-timeline-card", "timeline", true);
offerCard("filament-slots-health-card", "health", false);

defineStrategy("ll-strategy-dashboard-filament-slots");
((window as { customStrategies?: object[] }).customStrategies ??= []).push({
  type: "filament-slots",
  strategyType: "dashboard",
  get name() {
    return picker("strategy");
  },
  get description() {
    return picker("strategy_description");
  },
});
