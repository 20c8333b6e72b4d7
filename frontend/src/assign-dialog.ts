/** The dialog in which the user assigns a spool to an unidentified slot. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { shared } from "./base";
import { type Hass, text } from "./ha";
import type { Slot } from "./model";

export class AssignDialog extends LitElement {
  hass?: Hass;
  private target?: Slot;
  private error = "";

  async open(slot: Slot): Promise<void> {
    this.target = slot;
    this.error = "";
    this.requestUpdate();
    await this.updateComplete;
    this.renderRoot.querySelector("form")?.reset();
    this.dialog?.showModal();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { hass, target } = this;
    if (!hass || !target) return nothing;
    const label = target.label ?? String(target.slot_no);
    return html`<dialog aria-labelledby="question">
      <form @submit=${(event: Event) => this.assign(event, hass, target)}>
        <h2 id="question">${text(hass, "assign.title", { label })}</h2>
        <label>${text(hass, "assign.spool")}
          <input name="external_id" required maxlength="128" placeholder="spoolman:12" autocomplete="off" /></label>
        <label>${text(hass, "assign.name")}
          <input name="label" maxlength="64" autocomplete="off" /></label>
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" class="chip" @click=${() => this.dialog?.close()}>${text(hass, "assign.cancel")}</button>
          <button class="chip main">${text(hass, "assign.assign")}</button>
        </div>
      </form>
    </dialog>`;
  }

  private async assign(event: Event, hass: Hass, slot: Slot): Promise<void> {
    event.preventDefault();
    const filled = [...new FormData(event.target as HTMLFormElement)].filter(
      ([, value]) => value !== "",
    );
    try {
      await hass.callService(
        "filament_slots",
        "assign_spool",
        { device_id: slot.device_id, ...Object.fromEntries(filled) },
        undefined,
        // The dialog shows the error itself, not a notification beside the page.
        false,
      );
      this.dialog?.close();
    } catch (error) {
      this.error = (error as { message?: string }).message ?? String(error);
      this.requestUpdate();
    }
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  static override styles = [
    shared,
    css`
      :host {
        height: auto;
      }
      dialog {
        width: min(360px, calc(100vw - 32px));
        box-sizing: border-box;
        padding: 24px;
        border: 0;
        border-radius: var(--ha-border-radius-2xl, 24px);
        color: var(--primary-text-color);
        background: var(--paper);
      }
      dialog::backdrop {
        background: rgb(0 0 0 / 0.5);
      }
      form {
        display: flex;
        flex-direction: column;
        gap: 16px;
      }
      label {
        display: flex;
        flex-direction: column;
        gap: 4px;
        font-size: var(--ha-font-size-s, 12px);
      }
      input {
        font: inherit;
        font-size: var(--ha-font-size-m, 14px);
        padding: 10px;
        color: inherit;
        background: var(--tint);
        border: 1px solid var(--edge);
        border-radius: var(--ha-border-radius-md, 8px);
      }
      .error {
        color: var(--error-color);
      }
      .actions {
        display: flex;
        justify-content: flex-end;
        gap: 8px;
      }
      .actions button {
        padding: 8px 16px;
        font-size: var(--ha-font-size-m, 14px);
      }
      .main {
        font-weight: var(--ha-font-weight-bold, 700);
      }
    `,
  ];
}
