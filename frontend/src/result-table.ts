/** What a capability answered, as tables. */

import { css, html, nothing, type TemplateResult } from "lit";
import { codeText } from "./driver";
import { type Hass, text, timeZone } from "./ha";
import { resolved, type Schema, titleOf } from "./schema";

export interface Table {
  title: string;
  /** Empty for a table of names and values. */
  columns: string[];
  rows: string[][];
  /** How many rows are left out. */
  more: number;
}

type Dict = Record<string, unknown>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;
const MOST_ROWS = 50;
const MOST_CHARACTERS = 300;

/** One table of the plain values, and one of each list of objects and of each object. */
export function tablesOf(
  hass: Hass,
  result: Dict,
  root: Schema,
  title = "",
  schema: Schema = root,
): Table[] {
  const facts: string[][] = [];
  const others: Table[] = [];
  for (const [name, value] of Object.entries(result)) {
    const property = resolved(schema.properties?.[name] ?? {}, root);
    const label = titleOf(hass, name, property);
    if (isDict(value)) others.push(...tablesOf(hass, value, root, label, property));
    else if (Array.isArray(value) && value.length > 0 && value.every(isDict))
      others.push(tableOf(hass, label, value, resolved(property.items ?? {}, root), root));
    else facts.push([label, cellText(hass, name, value)]);
  }
  return facts.length > 0 ? [tableWith(title, [], facts), ...others] : others;
}

function tableOf(hass: Hass, title: string, list: Dict[], item: Schema, root: Schema): Table {
  const names = [...new Set(list.flatMap(Object.keys))];
  return tableWith(
    title,
    names.map((name) => titleOf(hass, name, resolved(item.properties?.[name] ?? {}, root))),
    list.slice(0, MOST_ROWS).map((row) => names.map((name) => cellText(hass, name, row[name]))),
    list.length,
  );
}

function tableWith(title: string, columns: string[], rows: string[][], all = rows.length): Table {
  return {
    title,
    columns,
    rows: rows.slice(0, MOST_ROWS),
    more: Math.max(0, all - MOST_ROWS),
  };
}

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function resultTable(hass: Hass, { columns, more, rows, title }: Table): TemplateResult {
  // Wide tables scroll by themselves, with the keyboard, too.
  return html`<div class="table" tabindex="0" role="group" aria-label=${title || nothing}><table>
      ${title ? html`<caption>${title}</caption>` : nothing}
      ${
        columns.length > 0
          ? html`<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>`
          : nothing
      }
      <tbody>${rows.map(
        (row) =>
          html`<tr>${row.map((cell, index) =>
            columns.length === 0 && index === 0
              ? html`<th scope="row">${cell}</th>`
              : html`<td><bdi>${cell}</bdi></td>`,
          )}</tr>`,
      )}</tbody>
    </table>
    ${more > 0 ? html`<p class="secondary">${text(hass, "driver.more_rows", { count: more })}</p>` : nothing}
  </div>`;
}

/** A value by its key: errors and the steps of a connection test have texts. */
function cellText(hass: Hass, name: string, value: unknown): string {
  if (typeof value === "string" && name === "error") return codeText(hass, value);
  return (name === "name" && text(hass, `connection_step.${value}`)) || valueText(hass, value);
}

/** A value as it is shown: "Yes", "1.5", "PLA, PETG", "–" */
export function valueText(hass: Hass, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return text(hass, value ? "driver.yes" : "driver.no");
  if (typeof value === "number")
    return new Intl.NumberFormat(hass.locale.language, { maximumFractionDigits: 3 }).format(value);
  if (Array.isArray(value) && !value.some((one) => typeof one === "object"))
    return value.length === 0 ? "–" : cut(value.map((one) => valueText(hass, one)).join(", "));
  if (typeof value === "string" && TIME.test(value) && !Number.isNaN(Date.parse(value)))
    return new Intl.DateTimeFormat(hass.locale.language, {
      dateStyle: "medium",
      timeStyle: "medium",
      timeZone: timeZone(hass),
    }).format(new Date(value));
  return cut(typeof value === "string" ? value : JSON.stringify(value));
}

function cut(long: string): string {
  return long.length > MOST_CHARACTERS ? `${long.slice(0, MOST_CHARACTERS)}…` : long;
}

export const tableStyles = css`
  .table {
    overflow-x: auto;
    max-height: 320px;
    margin-block-start: 8px;
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-size: var(--ha-font-size-s, 12px);
  }
  caption {
    text-align: start;
    font-weight: var(--ha-font-weight-medium, 500);
    padding-block: 4px;
  }
  th,
  td {
    padding: 4px 8px;
    text-align: start;
    vertical-align: top;
    border-block-end: 1px solid var(--divider-color);
    overflow-wrap: anywhere;
  }
  th {
    font-weight: var(--ha-font-weight-medium, 500);
    overflow-wrap: normal;
  }
`;
