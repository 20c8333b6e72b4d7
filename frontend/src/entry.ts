/**
 * Entry point that every page of Home Assistant loads: registers the cards by name.
 * The cards themselves are loaded when the first of them is shown.
 */

import type { CardConfig, Hass } from "./ha";

declare const PICKER: Record<string, Record<string, string>>;

interface CardElement extends HTMLElement {
  hass?: Hass;
  setConfig(config: CardConfig): void;
}

const cards = () => import("./cards");
const drivers = () => import("./drivers");

/** Texts for the card picker, which needs them before translations are loaded. */
function picker(key: string): string {
  const language = currentHass()?.locale.language ?? document.documentElement.lang;
  const texts = PICKER[language] ?? PICKER[language.split("-")[0] as string] ?? PICKER.en;
  return texts?.[key] ?? "";
}

function currentHass(): Hass | undefined {
  return (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass;
}

function defineCard(
  tag: string,
  rows: number,
  min_columns: number,
  load: () => Promise<unknown> = cards,
): void {
  if (customElements.get(tag)) return;
  customElements.define(
    tag,
    class extends HTMLElement {
      // A card that is hidden while it has nothing to show still follows the printers.
      readonly connectedWhileHidden = true;
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
        if (config.when) this.hidden = true;
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
        return { columns: 12, min_columns, rows: "auto" };
      }

      connectedCallback(): void {
        this.style.display = "block";
        this.style.height = "100%";
        if (!this.content) void this.load();
      }

      private async load(): Promise<void> {
        try {
          await load();
        } catch {
          // After an update an open page still requests the scripts of the version before.
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
      // The cards subscribe to the printers themselves: no registry change regenerates the dashboard.
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

/** Suggest a card for an entity of this integration: one of the device it belongs to. */
function suggest(type: string, name: string) {
  return (hass: Hass, entityId: string) => {
    const entity = hass.entities[entityId];
    if (entity?.platform !== "filament_slots" || !entity.device_id) return null;
    const device = hass.devices[entity.device_id]?.parent_device_id ?? entity.device_id;
    return { label: picker(name), config: { type: `custom:${type}`, device } };
  };
}

/** Add to one of the lists in which Home Assistant looks for custom elements. */
function addTo(list: "customCards" | "customStrategies", offer: object): void {
  const lists = window as { customCards?: object[]; customStrategies?: object[] };
  lists[list] ??= [];
  lists[list].push(offer);
}

function offerCard(type: string, name: string, suggested: boolean): void {
  addTo("customCards", {
    type,
    preview: true,
    // Getters: the language is known only when the picker opens.
    get name() {
      return picker(name);
    },
    get description() {
      return picker(`${name}_description`);
    },
    ...(suggested ? { getEntitySuggestion: suggest(type, name) } : {}),
  });
}

defineCard("filament-slots-card", 5, 3);
defineCard("filament-slots-timeline-card", 8, 6);
defineCard("filament-slots-health-card", 3, 6);
defineCard("filament-slots-spool-card", 5, 4);
defineCard("filament-slots-spools-card", 8, 6);
defineCard("filament-slots-drivers-card", 10, 6, drivers);
offerCard("filament-slots-card", "card", true);
offerCard("filament-slots-timeline-card", "timeline", true);
offerCard("filament-slots-health-card", "health", false);
offerCard("filament-slots-spool-card", "spool", false);
offerCard("filament-slots-spools-card", "spools", false);
offerCard("filament-slots-drivers-card", "drivers", false);

defineStrategy("ll-strategy-dashboard-filament-slots");
addTo("customStrategies", {
  type: "filament-slots",
  strategyType: "dashboard",
  get name() {
    return picker("strategy");
  },
  get description() {
    return picker("strategy_description");
  },
});
