/** The card elements, loaded when the first of them is shown. */

import { type CardConfig, type Hass, loadTexts, text } from "./ha";
import { HealthCard } from "./health-card";
import { SlotSheet } from "./slot-sheet";
import { SlotsCard } from "./slots-card";
import { SpoolPicker } from "./spool-picker";
import { TimelineCard } from "./timeline-card";

export const CARDS: Record<string, CustomElementConstructor> = {
  "filament-slots-card": SlotsCard,
  "filament-slots-timeline-card": TimelineCard,
  "filament-slots-health-card": HealthCard,
};

for (const [tag, card] of Object.entries(CARDS))
  if (!customElements.get(`${tag}-content`)) customElements.define(`${tag}-content`, card);

if (!customElements.get("filament-slots-sheet"))
  customElements.define("filament-slots-sheet", SlotSheet);
if (!customElements.get("filament-slots-spools"))
  customElements.define("filament-slots-spools", SpoolPicker);

/** The form of Home Assistant's card editor. */
export async function configForm(tag: string, hass: Hass) {
  await loadTexts(hass);
  const device = {
    name: "device",
    selector: { device: { filter: { integration: "filament_slots" } } },
  };
  const title = { name: "title", selector: { text: {} } };
  return {
    schema: tag === "filament-slots-health-card" ? [title] : [device, title],
    computeLabel: ({ name }: { name: string }) => text(currentHass() ?? hass, `editor.${name}`),
    computeHelper: ({ name }: { name: string }) =>
      text(currentHass() ?? hass, `editor.${name}_help`) || undefined,
    assertConfig: (config: CardConfig) => {
      for (const key of ["device", "title"] as const)
        if (config[key] !== undefined && typeof config[key] !== "string")
          throw new Error(`${key} must be a string`);
    },
  };
}

function currentHass(): Hass | undefined {
  return (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass;
}
