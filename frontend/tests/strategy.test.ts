import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Hass } from "../src/ha";
import { dashboard } from "../src/strategy";

const hass = (is_admin: boolean) =>
  ({
    localize: (key: string) => key,
    loadBackendTranslation: async () => undefined,
    user: { is_admin },
  }) as unknown as Hass;

const paths = async (is_admin: boolean) =>
  (await dashboard(hass(is_admin))).views.map(({ path }) => path);
const cards = async (is_admin: boolean) =>
  JSON.stringify(await dashboard(hass(is_admin))).match(/filament-slots-\w+-card/g) ?? [];

describe("the dashboard", () => {
  beforeEach(() => vi.stubGlobal("document", { querySelector: () => null }));
  afterEach(() => vi.unstubAllGlobals());

  it("has a view of the drivers for administrators alone", async () => {
    expect(await paths(true)).toEqual(["slots", "spools", "drivers"]);
    expect(await paths(false)).toEqual(["slots", "spools"]);
  });

  it("has no card for others that only administrators can use", async () => {
    const theirs = ["filament-slots-health-card", "filament-slots-drivers-card"];
    expect(await cards(true)).toEqual(expect.arrayContaining(theirs));
    for (const card of theirs) expect(await cards(false)).not.toContain(card);
  });
});
