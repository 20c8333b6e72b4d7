import { describe, expect, it } from "vitest";
import { codeText, lastErrorText, statusText } from "../src/driver";
import { counterName, counterText } from "../src/driver-counters";
import type { Hass } from "../src/ha";

const TEXTS: Record<string, string> = {
  "config_panel.card.not_loaded": "Not loaded",
  "config_panel.health.last_error": "Last error",
  "entity.sensor.counter_messages.name": "Messages received",
  "entity.sensor.driver_status.state.running": "Running",
  "entity.sensor.driver_status.state_attributes.error.state.invalid_auth": "Access denied",
  "exceptions.not_ready.message": "Not ready",
};
const hass = {
  locale: { language: "en" },
  localize: (key: string, values?: Record<string, string>) =>
    [TEXTS[key.replace("component.filament_slots.", "")] ?? "", values?.error]
      .filter(Boolean)
      .join(": "),
} as unknown as Hass;

describe("a driver", () => {
  it("has a status since a time, or is not loaded", () => {
    const since = new Date(Date.now() - 7_200_000).toISOString();
    expect(statusText(hass, { status: "running", since })).toBe("Running · 2 hours ago");
    expect(statusText(hass, { status: "running" })).toBe("Running · Not loaded");
    expect(statusText(hass, { status: "running", since: null })).toBe("Running · Not loaded");
  });

  it("has the last error of the driver, or the one of its entry", () => {
    const at = "2026-11-30T02:00:00Z";
    const error = (last_error: Parameters<typeof lastErrorText>[1]["last_error"]) =>
      lastErrorText(hass, { last_error });
    expect(error(null)).toBe("");
    expect(error({ code: "invalid_auth", at })).toBe("Last error: Access denied");
    const message = "In English";
    expect(error({ code: "not_ready", message, placeholders: {} })).toBe("Not ready");
    expect(error({ code: "unknown", message, placeholders: {} })).toBe("In English");
    expect(codeText(hass, "from_another_component")).toBe("from_another_component");
  });
});

describe("a counter", () => {
  it("is named, even if it is new", () => {
    expect(counterName(hass, "messages")).toBe("Messages received");
    expect(counterName(hass, "from_another_component")).toBe("from another component");
  });

  it.each([
    ["messages", 1234, "1,234"],
    ["messages", null, "–"],
    ["bytes", 999, "999 byte"],
    ["bytes", 1_500, "1.5 kB"],
    ["bytes", 2_340_000, "2.3 MB"],
    ["bytes_held", 5_000_000_000, "5,000 MB"],
    ["cpu_ms", 250, "250 ms"],
    ["cpu_ms", 12_500, "12.5 sec"],
  ])("%s of %d is shown as %s", (counter, value, shown) => {
    expect(counterText(hass, counter, value)).toBe(shown);
  });
});
