/** What a capability answered, as tables. */

import { css, html, nothing, type TemplateResult } from "lit";
import { type Hass, text, timeZone } from "./ha";
import { resolved, type Schema, titleOf } from "./schema";

export interface Table {
  title: string;
  /** Empty for a table of names and values. */
  columns: string[];
  rows: unknown[][];
}

type Dict = Record<string, unknown>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;
const MOST_ROWS = 50;
const MOST_CHARACTERS = 300;

/** One table of the plain values, and one of each list of objects and of each object. */
export function tablesOf(result: Dict, root: Schema, title = "", schema: Schema = root): Table[] {
  const facts: Table = { title, columns: [], rows: [] };
  const others: Table[] = [];
  for (const [name, value] of Object.entries(result)) {
    const property = resolved(schema.properties?.[name] ?? {}, root);
    const label = titleOf(name, property);
    if (isDict(value)) others.push(...tablesOf(value, root, label, property));
    else if (Array.isArray(value) && value.length > 0 && value.every(isDict))
      others.push(tableOf(label, value, resolved(property.items ?? {}, root), root));
    else facts.rows.push([label, value]);
  }
  return facts.rows.length > 0 ? [facts, ...others] : others;
}

function tableOf(title: string, list: Dict[], item: Schema, root: Schema): Table {
  const names = [...new Set(list.flatMap(Object.keys))];
  return {
    title,
    columns: names.map((name) => titleOf(name, resolved(item.properties?.[name] ?? {}, root))),
    rows: list.map((row) => names.map((name) => row[name])),
  };
}

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function resultTable(hass: Hass, { columns, rows, title }: Table): TemplateResult {
  const more = rows.length - MOST_ROWS;
  // Wide tables scroll by themselves, with the keyboard, too.
  return html`<div class="table" tabindex="0" role="group" aria-label=${title || nothing}><table>
      ${title ? html`<caption>${title}</caption>` : nothing}
      ${
        columns.length > 0
          ? html`<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>`
          : nothing
      }
      <tbody>${rows
        .slice(0, MOST_ROWS)
        .map(
          (row) =>
            html`<tr>${row.map((value, index) =>
              columns.length === 0 && index === 0
                ? html`<th scope="row">${value}</th>`
                : html`<td dir="auto">${valueText(hass, value)}</td>`,
            )}</tr>`,
        )}</tbody>
    </table>
    ${more > 0 ? html`<p class="secondary">${text(hass, "driver.more_rows", { count: more })}</p>` : nothing}
  </div>`;
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
