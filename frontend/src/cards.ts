/** The card elements, loaded when the first of them is shown. */

import { Countdown } from "./countdown";
import { define } from "./elements";
import { type CardConfig, type Hass, loadTexts, text } from "./ha";
import { HealthCard } from "./health-card";
import type { Spool } from "./library";
import { SlotSheet } from "./slot-sheet";
import { SlotsCard } from "./slots-card";
import { SpoolCard } from "./spool-card";
import { SpoolDetails } from "./spool-details";
import { SpoolPicker } from "./spool-picker";
import { nameOf, placeText } from "./spool-row";
import { SpoolSheet } from "./spool-sheet";
import { SpoolsCard } from "./spools-card";
import { TimelineCard } from "./timeline-card";

define({
  "filament-slots-card-content": SlotsCard,
  "filament-slots-timeline-card-content": TimelineCard,
  "filament-slots-health-card-content": HealthCard,
  "filament-slots-spool-card-content": SpoolCard,
  "filament-slots-spools-card-content": SpoolsCard,
  "filament-slots-countdown": Countdown,
  "filament-slots-sheet": SlotSheet,
  "filament-slots-spools": SpoolPicker,
  "filament-slots-spool": SpoolDetails,
  "filament-slots-spool-sheet": SpoolSheet,
});

/** The form of Home Assistant's card editor. */
export async function configForm(tag: string, hass: Hass) {
  await loadTexts(hass);
  const device = {
    name: "device",
    selector: { device: { filter: { integration: "filament_slots" } } },
  };
  const title = { name: "title", selector: { text: {} } };
  const fields: Record<string, object[]> = {
    "filament-slots-health-card": [],
    "filament-slots-spools-card": [],
    "filament-slots-spool-card": [await spoolField(hass)],
  };
  return {
    schema: [...(fields[tag] ?? [device]), title],
    computeLabel: ({ name }: { name: string }) => text(currentHass() ?? hass, `editor.${name}`),
    computeHelper: ({ name }: { name: string }) =>
      text(currentHass() ?? hass, `editor.${name}_help`) || undefined,
    assertConfig: (config: CardConfig) => {
      for (const key of ["device", "spool", "title"] as const)
        if (config[key] !== undefined && typeof config[key] !== "string")
          throw new Error(`${key} must be a string`);
    },
  };
}

/** The list of the spools of the library, in which any other id can be entered, too. */
async function spoolField(hass: Hass) {
  let spools: readonly Spool[] = [];
  try {
    const type = "filament_slots/spools";
    spools = (await hass.connection.sendMessagePromise<{ spools: Spool[] }>({ type })).spools;
  } catch {
    // An id can be entered without the list.
  }
  const options = spools.map((spool) => ({
    value: spool.external_id ?? spool.tag_ids[0],
    label: [nameOf(hass, spool), spool.vendor, placeText(spool.last_slot)]
      .filter(Boolean)
      .join(" · "),
  }));
  return {
    name: "spool",
    selector: { select: { mode: "dropdown", custom_value: true, options } },
  };
}

function currentHass(): Hass | undefined {
  return (document.querySelector("home-assistant") as { hass?: Hass } | null)?.hass;
}
