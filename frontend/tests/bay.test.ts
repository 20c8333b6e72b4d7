import { expect, it } from "vitest";
import type { Hass } from "../src/ha";
import type { Slot } from "../src/model";

// Elements of Lit need these when their modules are loaded.
Object.assign(globalThis, { HTMLElement: class {}, customElements: { define: () => undefined } });
const { spoken } = await import("../src/bay");

const TEXTS: Record<string, string> = {
  spoken: "{printer}, slot {label}: {content}",
  left: "{percent} left",
  empty: "Empty",
  unidentified: "Unidentified",
  no_tag: "No tag",
  low: "Low",
  mismatch: "Mismatch",
  on: "In use",
  unknown: "No sensor",
};
const hass = {
  locale: { language: "en" },
  localize: (key: string, values: Record<string, string> = {}) => {
    const name = key.split(".").at(-1) as string;
    return (TEXTS[name] ?? name).replace(/{(\w+)}/g, (_, each) => values[each] ?? "");
  },
} as unknown as Hass;
const slot = (values: object) =>
  ({
    slot_no: 1,
    label: "A1",
    status: "identified",
    assigned_label: null,
    assigned_external_id: null,
    filament: {},
    spool: null,
    linkable: false,
    ...values,
  }) as Slot;
const basic = {
  material: "PLA",
  name: "PLA Basic",
  color_hex: "#0A2CA5FF",
  remaining_percent: 80,
};

const linked = {
  name: "Galaxy black",
  vendor: "Prusament",
  material: "PLA",
  colors: ["#202028"],
  remaining_g: 120,
  remaining_percent: 12,
  low: true,
  mismatch: false,
};

it.each([
  [{ spool: linked }, false, "PLA, Galaxy black, black, 120 g left, Low"],
  [
    { spool: { ...linked, low: false, mismatch: true }, filament: basic },
    false,
    "PLA, Galaxy black, blue, 120 g left, Mismatch",
  ],
  [
    {
      spool: { ...linked, remaining_g: null, remaining_percent: null, low: null },
      filament: basic,
    },
    false,
    "PLA, Galaxy black, blue, 80% left",
  ],
  [{ filament: { ...basic, remaining_percent: 10 } }, false, "PLA Basic, blue, 10% left, Low"],
  [{ status: "empty", spool: linked }, false, "Empty"],
  [{ filament: basic }, false, "PLA Basic, blue, 80% left"],
  [{ filament: basic }, true, "PLA Basic, blue, 80% left, In use"],
  [{ filament: basic, assigned_label: "Galaxy black" }, false, "PLA, Galaxy black, blue, 80% left"],
  [
    { filament: { material: "PLA", colors: ["#FF0000", "#00FF00", "#00FE00"] } },
    false,
    "PLA, red, green",
  ],
  [{ status: "empty", filament: basic }, false, "Empty"],
  [{ status: "unidentified" }, false, "Unidentified"],
  [
    { status: "unidentified", filament: { material: "PETG", vendor: "Generic" } },
    false,
    "PETG, Generic · No tag",
  ],
  [{ status: null }, false, "No sensor"],
  [{ label: null, status: "empty" }, false, "Empty"],
])("a slot with %j, in use: %s, is read as %s", (values, active, content) => {
  const read = spoken(hass, "X1-Carbon", slot(values), active);
  expect(read).toBe(`X1-Carbon, slot ${"label" in values ? "1" : "A1"}: ${content}`);
  expect(read).not.toMatch(/#[0-9a-f]{3}/i);
});
