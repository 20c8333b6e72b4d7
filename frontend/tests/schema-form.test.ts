import { describe, expect, it } from "vitest";
import type { Hass } from "../src/ha";
import { resolved, type Schema, titleOf } from "../src/schema";
import { fieldsOf, payloadOf } from "../src/schema-form";

// As pydantic writes it.
const SCHEMA: Schema = {
  $defs: { Direction: { enum: ["in", "out"], title: "Direction", type: "string" } },
  properties: {
    seconds: {
      default: 10,
      description: "How long.",
      maximum: 60,
      minimum: 1,
      title: "Seconds",
      type: "integer",
    },
    ratio: { type: "number" },
    name: { anyOf: [{ type: "string", maxLength: 20 }, { type: "null" }], default: null },
    all: { default: true, title: "All", type: "boolean" },
    direction: { $ref: "#/$defs/Direction" },
    level: { enum: [1, 2, 3] },
    only: { const: "this", type: "string" },
    tags: { items: { type: "string" }, type: "array" },
  },
  required: ["ratio", "direction"],
};

const fields = fieldsOf(SCHEMA);
const field = (name: string) => fields.find((one) => one.name === name);

function filled(values: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) data.set(name, value);
  return data;
}

describe("the form of a capability", () => {
  it("has a field for each string, number, boolean and enum", () => {
    expect(fields.map(({ kind, name }) => [name, kind])).toEqual([
      ["seconds", "integer"],
      ["ratio", "number"],
      ["name", "text"],
      ["all", "choice"],
      ["direction", "choice"],
      ["level", "choice"],
      ["only", "choice"],
    ]);
    expect(fieldsOf({})).toEqual([]);
  });

  it("takes labels, limits, defaults and choices from the schema", () => {
    expect(field("seconds")).toMatchObject({
      initial: 10,
      required: false,
      schema: { description: "How long.", minimum: 1, maximum: 60 },
    });
    expect(field("ratio")).toMatchObject({ required: true, initial: null });
    expect(field("name")).toMatchObject({ initial: null, schema: { maxLength: 20 } });
    expect(field("direction")).toMatchObject({ choices: ["in", "out"], required: true });
    expect(field("only")).toMatchObject({ choices: ["this"] });
  });

  it("sends values of the types that the schema asks for, and no empty field", () => {
    expect(
      payloadOf(
        fields,
        filled({ seconds: "5", ratio: "0.5", name: "", all: "0", direction: "1", level: "0" }),
      ),
    ).toEqual({ seconds: 5, ratio: 0.5, all: true, direction: "out", level: 1 });
  });

  it("sends false as false, and text as it is", () => {
    expect(payloadOf(fields, filled({ all: "1", name: "12" }))).toEqual({ all: false, name: "12" });
  });

  it("follows references, and reads on where there is nothing to follow", () => {
    expect(resolved({ allOf: [{ $ref: "#/$defs/Direction" }], title: "Way" }, SCHEMA)).toEqual({
      enum: ["in", "out"],
      title: "Way",
      type: "string",
    });
    expect(resolved({ $ref: "#/$defs/Gone" }, SCHEMA)).toEqual({});
    expect(resolved({ anyOf: [{ type: "null" }] }, SCHEMA)).toEqual({});
  });

  it("names a property by its own title, else by a text for its key, else by its key", () => {
    const hass = {
      localize: (key: string) => (key.endsWith(".result.slot_no") ? "Fach" : ""),
    } as unknown as Hass;
    expect(titleOf(hass, "slot_no")).toBe("Fach");
    expect(titleOf(hass, "slot_no", { title: "Slot No" })).toBe("Fach");
    expect(titleOf(hass, "slot_no", { title: "Which slot" })).toBe("Which slot");
    expect(titleOf(hass, "tls_version", { title: "Tls Version" })).toBe("Tls version");
  });
});
