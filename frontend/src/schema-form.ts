/** A form for the input of a capability, made from its JSON Schema. */

import { html, nothing, type TemplateResult } from "lit";
import type { Hass } from "./ha";
import { valueText } from "./result-table";
import { resolved, type Schema, titleOf } from "./schema";

type Kind = "text" | "number" | "integer" | "choice";

export interface Field {
  name: string;
  kind: Kind;
  required: boolean;
  initial: unknown;
  /** Of a choice. */
  choices: unknown[];
  schema: Schema;
}

const KINDS: Record<string, Kind> = {
  string: "text",
  number: "number",
  integer: "integer",
};

/** The fields of a form; values of other kinds can be given with the action only. */
export function fieldsOf(root: Schema): Field[] {
  return Object.entries(root.properties ?? {}).flatMap(([name, property]) => {
    const schema = resolved(property, root);
    const choices = choicesOf(schema);
    const kind = choices.length > 0 ? "choice" : KINDS[schema.type ?? ""];
    if (!kind) return [];
    return {
      name,
      kind,
      required: root.required?.includes(name) ?? false,
      initial: schema.default ?? null,
      choices,
      schema,
    };
  });
}

function choicesOf(schema: Schema): unknown[] {
  if (schema.type === "boolean") return [true, false];
  return schema.enum ?? ("const" in schema ? [schema.const] : []);
}

/** What was filled in; fields that were left empty are not sent. */
export function payloadOf(fields: readonly Field[], filled: FormData): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap(({ choices, kind, name }) => {
      const value = String(filled.get(name) ?? "");
      if (value === "") return [];
      if (kind === "choice") return [[name, choices[Number(value)]]];
      return [[name, kind === "text" ? value : Number(value)]];
    }),
  );
}

export function schemaField(hass: Hass, field: Field): TemplateResult {
  const { name, schema } = field;
  return html`<label>${titleOf(hass, name, schema)}${control(hass, field)}${
    schema.description ? html`<span class="secondary">${schema.description}</span>` : nothing
  }</label>`;
}

function control(hass: Hass, field: Field): TemplateResult {
  const { choices, initial, kind, name, required, schema } = field;
  if (kind === "choice")
    return html`<select name=${name} ?required=${required}>
      ${required ? nothing : html`<option value=""></option>`}
      ${choices.map(
        (choice, index) =>
          html`<option value=${index} ?selected=${choice === initial}>${valueText(hass, choice)}</option>`,
      )}
    </select>`;
  const value = initial === null ? "" : String(initial);
  if (kind === "text")
    return html`<input name=${name} ?required=${required} dir="auto" autocomplete="off"
      minlength=${schema.minLength ?? nothing} maxlength=${schema.maxLength ?? nothing} .value=${value} />`;
  return html`<input type="number" name=${name} ?required=${required}
    step=${kind === "integer" ? 1 : "any"}
    min=${schema.minimum ?? nothing} max=${schema.maximum ?? nothing} .value=${value} />`;
}
