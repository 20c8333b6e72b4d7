/** What a driver can do: a button each, a form for those with input, and the answer as a table. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { shared } from "./base";
import { type Capability, capabilityText, type Driver } from "./driver";
import { errorText } from "./explain";
import { type Hass, text } from "./ha";
import { resultTable, tableStyles, tablesOf } from "./result-table";
import { fieldsOf, payloadOf, schemaField } from "./schema-form";

type Result = Record<string, unknown>;

interface Run {
  capability: Capability;
  result?: Result;
  error?: string;
}

export class Capabilities extends LitElement {
  static override properties = {
    hass: { attribute: false },
    driver: { attribute: false },
    withoutInput: { type: Boolean, attribute: "without-input" },
  };

  declare hass: Hass;
  declare driver: Driver;
  /** Whether those with input are left out. */
  declare withoutInput: boolean;
  /** The last one that was run. */
  private run: Run | undefined;

  protected override render(): TemplateResult {
    const all = this.driver.capabilities.filter(({ read_only }) => read_only);
    const asking = (capability: Capability) => fieldsOf(capability.input_schema).length > 0;
    return html`<div class="plain">${all
      .filter((capability) => !asking(capability))
      .map(
        (capability) => html`<button class="chip" title=${this.text(capability, "description")}
          ?disabled=${this.busy} @click=${() => this.start(capability)}>${this.text(capability)}</button>`,
      )}</div>
      ${this.withoutInput ? nothing : all.filter(asking).map((capability) => this.form(capability))}
      ${this.answer()}`;
  }

  private text(capability: Capability, part: "name" | "description" = "name"): string {
    return capabilityText(this.hass, this.driver, capability, part);
  }

  private get busy(): boolean {
    return this.run !== undefined && !this.run.result && this.run.error === undefined;
  }

  private form(capability: Capability): TemplateResult {
    const { hass } = this;
    const fields = fieldsOf(capability.input_schema);
    return html`<details><summary>${this.text(capability)}</summary>
      <form @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        void this.start(
          capability,
          payloadOf(fields, new FormData(event.target as HTMLFormElement)),
        );
      }}>
        <p class="secondary">${this.text(capability, "description")}</p>
        ${fields.map((field) => schemaField(hass, field))}
        <button class="chip" ?disabled=${this.busy}>${text(hass, "driver.run")}</button>
      </form></details>`;
  }

  private answer(): TemplateResult {
    const { hass, run } = this;
    const state = !run ? "" : run.result ? "done" : run.error === undefined ? "running" : "";
    // The sentence is announced, and not the whole table.
    return html`<p role="status" class="secondary">${
      state
        ? text(hass, `driver.${state}`, { name: run ? this.text(run.capability) : "" })
        : nothing
    }</p>
      <p role="alert" class=${run?.error === undefined ? "" : "error"}>${run?.error}</p>
      ${
        run?.result
          ? html`${tablesOf(hass, run.result, run.capability.output_schema).map((table) => resultTable(hass, table))}
            <button class="chip" @click=${() => save(run)}>${text(hass, "driver.download")}</button>`
          : nothing
      }`;
  }

  private async start(capability: Capability, payload: Result = {}): Promise<void> {
    const run: Run = { capability };
    this.run = run;
    this.requestUpdate();
    try {
      const { result } = await this.hass.connection.sendMessagePromise<{ result: Result }>({
        type: "filament_slots/invoke",
        entry_id: this.driver.entry_id,
        capability: capability.id,
        payload,
      });
      run.result = result;
    } catch (error) {
      run.error = await errorText(this.hass, error);
    }
    this.requestUpdate();
  }

  static override styles = [
    shared,
    tableStyles,
    css`
      :host {
        height: auto;
      }
      .plain {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .chip {
        min-height: 44px;
        padding: 6px 12px;
      }
      .chip:hover:not(:disabled) {
        background: var(--tint);
      }
      summary {
        min-height: 44px;
        box-sizing: border-box;
        padding-block: 12px;
        cursor: pointer;
      }
      form {
        display: flex;
        flex-direction: column;
        align-items: start;
        gap: 12px;
        padding-block-end: 12px;
      }
      label {
        display: flex;
        flex-direction: column;
        gap: 4px;
        font-size: var(--ha-font-size-s, 12px);
      }
      input,
      select {
        font: inherit;
        /* Smaller text makes phones zoom in. */
        font-size: 16px;
        min-width: 44px;
        min-height: 44px;
        box-sizing: border-box;
        padding: 8px 10px;
        color: inherit;
        background: var(--paper);
        border: 1px solid var(--edge);
        border-radius: var(--ha-border-radius-md, 8px);
      }
      [role="status"] {
        margin-block-start: 8px;
      }
      .error {
        padding-inline-start: 8px;
        border-inline-start: 3px solid var(--error-color);
        overflow-wrap: anywhere;
      }
      .table + .chip {
        margin-block-start: 8px;
      }
    `,
  ];
}

/** Save the whole answer as a file. */
function save({ capability, result }: Run): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(
    new Blob([JSON.stringify(result, undefined, 2)], { type: "application/json" }),
  );
  link.download = `${capability.id}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
