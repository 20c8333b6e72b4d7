import { describe, expect, it } from "vitest";
import { errorText, explained, pendingOf } from "../src/explain";
import type { Hass } from "../src/ha";

const hassWith = (answer: unknown = {}) => {
  const sent: unknown[] = [];
  return {
    sent,
    loaded: [] as string[],
    locale: { language: "en", time_zone: "server" },
    config: { time_zone: "UTC" },
    localize: (key: string, values: object = {}) =>
      key.endsWith("gone.message")
        ? ""
        : [
            key.replace(/^.*(config_panel|exceptions)\.(\w+\.(?!message))?/, ""),
            ...Object.values(values),
          ].join(" "),
    async loadBackendTranslation(category: string) {
      this.loaded.push(category);
    },
    connection: {
      sendMessagePromise: async (message: unknown) => {
        sent.push(message);
        return answer;
      },
    },
  };
};
const asHass = (hass: object) => hass as unknown as Hass;
const pending = { change: "removal", waits_for: "time", until: "2026-11-20T10:00:08Z" };

describe("what a slot waits for", () => {
  it("is asked for by the action that explains slots", async () => {
    const hass = hassWith({ response: { details: { pending: [pending] } } });
    expect(await pendingOf(asHass(hass), "a1")).toEqual([pending]);
    expect(hass.sent).toEqual([
      {
        type: "call_service",
        domain: "filament_slots",
        service: "explain_slot",
        service_data: { device_id: "a1" },
        return_response: true,
      },
    ]);
  });

  it("is nothing where the driver explains nothing", async () => {
    expect(await pendingOf(asHass(hassWith({ response: { details: null } })), "a1")).toEqual([]);
  });

  it("is what is pending, what decides it, and until when", () => {
    const hass = asHass(hassWith());
    expect(explained(hass, [pending])).toMatch(/^pending_removal waits_for_time decided 10:00:08/);
    expect(explained(hass, [{ ...pending, until: null }])).toBe("pending_removal waits_for_time");
    expect(explained(hass, [])).toBe("");
  });
});

describe("an action that failed", () => {
  const ours = { translation_domain: "filament_slots", message: "English text" };

  it("has its text in the user's language", async () => {
    const hass = hassWith();
    const error = {
      ...ours,
      translation_key: "slot_empty",
      translation_placeholders: { slot: "A1" },
    };
    expect(await errorText(asHass(hass), error)).toBe("slot_empty.message A1");
    expect(hass.loaded).toEqual(["exceptions"]);
  });

  it.each([
    [{ message: "extra keys not allowed @ data['label']", code: "invalid_format" }],
    [{ translation_domain: "homeassistant", translation_key: "oops", message: "?" }],
    [{ ...ours, translation_key: "gone" }],
    ["a text"],
  ])("in a library, %j, has a text of ours", async (error) => {
    expect(await errorText(asHass(hassWith()), error)).toBe("failed");
  });
});
