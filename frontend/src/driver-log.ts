/** The live log of a driver, which can be paused and filtered by level. */

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { shared } from "./base";
import { type DriverFeed, LEVELS, type Level, type NumberedLine } from "./driver-feed";
import { type Hass, text, timeZone } from "./ha";

// A little more than a pixel of rounding.
const NEAR_END = 8;

export class DriverLog extends LitElement {
  static override properties = { hass: { attribute: false }, feed: { attribute: false } };

  declare hass: Hass;
  declare feed: DriverFeed;
  /** The lines that are shown while the log is paused. */
  private held: readonly NumberedLine[] | undefined;
  private lastHeld = 0;
  private atEnd = true;
  private stopListening: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopListening?.();
    this.stopListening = undefined;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("feed")) this.follow();
    const { log } = this;
    if (log) this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  }

  protected override updated(): void {
    const { log } = this;
    if (log && this.atEnd) log.scrollTop = log.scrollHeight;
  }

  protected override render(): TemplateResult {
    const { hass, feed, held } = this;
    const lines = held ?? feed.lines;
    const missed = held ? feed.last - this.lastHeld : 0;
    const clock = new Intl.DateTimeFormat(hass.locale.language, {
      timeStyle: "medium",
      timeZone: timeZone(hass),
    });
    return html`<div class="tools">
        <h3 id="title">${text(hass, "driver.log")}</h3>
        <select aria-label=${text(hass, "driver.level")} @change=${this.choose}>
          ${LEVELS.map(
            (level) => html`<option value=${level} ?selected=${level === feed.level}>
              ${text(hass, `driver.level_${level}`)}</option>`,
          )}
        </select>
        <button class="chip" aria-pressed=${held ? "true" : "false"} @click=${this.pause}>
          <ha-icon .icon=${held ? "mdi:play" : "mdi:pause"}></ha-icon>${text(hass, "driver.pause")}
        </button>
        ${missed ? html`<span class="secondary">${text(hass, "driver.missed", { count: missed })}</span>` : nothing}
      </div>
      <div class="log" role="log" tabindex="0" aria-labelledby="title"
        aria-live=${held ? "off" : "polite"}>
        ${
          lines.length === 0
            ? html`<p class="secondary">${text(hass, "driver.log_empty")}</p>`
            : repeat(
                lines,
                ({ number }) => number,
                (line) => this.line(hass, line, clock),
              )
        }
      </div>`;
  }

  private line(hass: Hass, line: NumberedLine, clock: Intl.DateTimeFormat): TemplateResult {
    // The messages are English, whatever the language of the page.
    return html`<p class=${line.level} dir="ltr"><time>${clock.format(new Date(line.at))}</time>
      <b>${text(hass, `driver.level_${line.level}`)}</b> <span class="message" lang="en">${line.message}</span>
      ${line.correlation_id ? html`<span class="secondary">${line.correlation_id}</span>` : nothing}</p>`;
  }

  private follow(): void {
    this.stopListening?.();
    this.stopListening = this.feed.listen((change) => {
      if (change === undefined || change === "lines") this.requestUpdate();
    });
  }

  private pause(): void {
    this.held = this.held ? undefined : this.feed.lines;
    this.lastHeld = this.feed.last;
    this.requestUpdate();
  }

  private choose({ target }: Event): void {
    // Other lines are asked for, so that there is nothing to hold.
    this.held = undefined;
    this.feed.level = (target as HTMLSelectElement).value as Level;
    this.requestUpdate();
  }

  private get log(): HTMLElement | null {
    return this.renderRoot.querySelector(".log");
  }

  static override styles = [
    shared,
    css`
      :host {
        height: auto;
      }
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 8px;
      }
      h3 {
        flex: 1;
        font-size: var(--ha-font-size-m, 14px);
      }
      select,
      .chip {
        min-height: 44px;
        box-sizing: border-box;
        padding: 6px 12px;
      }
      select {
        font: inherit;
        color: inherit;
        background: var(--paper);
        border: 1px solid var(--edge);
        border-radius: var(--ha-border-radius-md, 8px);
      }
      .chip[aria-pressed="true"] {
        background: var(--tint);
        font-weight: var(--ha-font-weight-bold, 700);
      }
      .log {
        height: 220px;
        overflow-y: auto;
        overscroll-behavior: contain;
        margin-block-start: 8px;
        padding: 4px 8px;
        background: var(--tint);
        border-radius: var(--ha-border-radius-md, 8px);
        font-family: var(--ha-font-family-code, monospace);
        font-size: var(--ha-font-size-s, 12px);
        line-height: 1.5;
      }
      .log p {
        padding-inline-start: 6px;
        border-inline-start: 3px solid transparent;
        overflow-wrap: anywhere;
        font-weight: var(--ha-font-weight-normal, 400);
      }
      .message {
        white-space: pre-line;
      }
      time {
        font-variant-numeric: tabular-nums;
      }
      .log .warning {
        border-color: var(--warning-color, #ffa600);
      }
      .log .error {
        border-color: var(--error-color, #db4437);
      }
    `,
  ];
}
