/** JSON Schema, as far as forms and tables are made from it. */

import { type Hass, text } from "./ha";

/** As pydantic writes it. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** The schema that a reference leads to, and what is left of a union without null. */
export function resolved(schema: Schema, root: Schema): Schema {
  const { $ref, allOf, anyOf, ...rest } = schema;
  const inner =
    ($ref && root.$defs?.[$ref.replace("#/$defs/", "")]) ||
    (allOf?.length === 1 && allOf[0]) ||
    anyOf?.find(({ type }) => type !== "null");
  return inner ? { ...resolved(inner, root), ...rest } : rest;
}

/** The name of a property: its title, else a text for its key, else its key. */
export function titleOf(hass: Hass, name: string, schema: Schema = {}): string {
  const words = name.replaceAll("_", " ");
  // Without a title of its own pydantic writes that of `slot_no` as "Slot No".
  const automatic = schema.title?.toLowerCase() === words;
  const given = automatic ? undefined : schema.title;
  return given || text(hass, `result.${name}`) || words.charAt(0).toUpperCase() + words.slice(1);
}
