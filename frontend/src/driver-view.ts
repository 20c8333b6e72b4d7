/** One driver: what it is, its status, what it can do, its counters and its log. */

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { shared } from "./base";
import {
  canRestart,
  codeText,
  type Driver,
  type DriverInfo,
  lastErrorText,
  restart,
  statusText,
} from "./driver";
import { counterName, counterText, isGauge } from "./driver-counters";
import { DriverFeed, type Transition } from "./driver-feed";
import { deviceName, type Hass, stateText, text, timeZone } from "./ha";
import { gainsOf, STEP, sparkline, sparklineStyles, valuesOf } from "./sparkline";

export class DriverView extends LitElement {
  static override properties = {
    hass: { attribute: false },
    driver: { attribute: false },
    open: { type: Boolean },
  };

  declare hass: Hass;
  declare driver: Driver;
  declare open: boolean;
  private feed: DriverFeed | undefined;
  private error = "";
  private stopListening: (() => void) | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    // The charts move on while nothing is counted.
    this.clock = setInterval(() => this.feed && this.requestUpdate(), STEP);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.unfollow();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("driver");
    const other = before !== undefined && before.entry_id !== this.driver.entry_id;
    const again =
      changed.get("hass") !== undefined && changed.get("hass")?.connection !== this.hass.connection;
    const follows = this.isConnected && this.open;
    if (!follows || other || again) this.unfollow();
    if (follows && !this.feed) {
      this.feed = new DriverFeed(this.hass.connection, this.driver.entry_id);
      this.stopListening = this.feed.listen((change) => {
        if (change !== "lines") this.requestUpdate();
      });
    }
  }

  protected override render(): TemplateResult {
    const { driver, hass } = this;
    const health = this.feed?.status ?? driver.health;
    const label = deviceName(hass, driver.device_id, driver.name);
    const running = health.status === "running";
    return html`<ha-card class=${running ? "" : "alarm"}>
      <header>
        <ha-icon .icon=${running ? "mdi:check-circle-outline" : "mdi:alert-circle-outline"}></ha-icon>
        <div class="what"><h2>${label}</h2><div class="secondary">${statusText(hass, health)}</div></div>
        <button class="fold" aria-expanded=${this.open ? "true" : "false"}
          aria-label=${text(hass, "driver.details", { name: label })} @click=${this.toggle}>
          <ha-icon .icon=${"mdi:chevron-down"}></ha-icon></button>
      </header>
      <div class="body">
        ${[lastErrorText(hass, health), this.error]
          .filter(Boolean)
          .map((error) => html`<p class="secondary error">${error}</p>`)}
        ${this.buttons(hass, driver, label)}
        ${this.open ? this.details(hass, driver) : nothing}
      </div>
    </ha-card>`;
  }

  private buttons(hass: Hass, driver: Driver, name: string): TemplateResult {
    // Of an entry that failed there is something to stop, too: it is tried again.
    const stopped = driver.state === "not_loaded";
    const enabling = stopped ? "start" : "stop";
    return html`<div class="buttons">
      <button class="chip" aria-label=${text(hass, "health.restart_driver", { name })}
        ?disabled=${!canRestart(driver)}
        @click=${() => restart(hass, driver)}>${text(hass, "health.restart")}</button>
      <button class="chip" aria-label=${text(hass, `driver.${enabling}_driver`, { name })}
        @click=${() => this.enable(driver, stopped)}>${text(hass, `driver.${enabling}`)}</button>
    </div>`;
  }

  private details(hass: Hass, driver: Driver): TemplateResult {
    const { feed } = this;
    const transitions = feed?.status?.transitions ?? [];
    return html`
      ${
        driver.info
          ? about(hass, driver.info)
          : html`<p class="secondary">${text(hass, "driver.missing")}</p>`
      }
      ${
        transitions.length > 0
          ? html`<details><summary>${text(hass, "driver.history", { count: transitions.length })}</summary>
            ${history(hass, transitions)}</details>`
          : nothing
      }
      ${
        driver.capabilities.length > 0
          ? html`<h3>${text(hass, "driver.capabilities")}</h3>
            <filament-slots-capabilities .hass=${hass} .driver=${driver}></filament-slots-capabilities>`
          : nothing
      }
      ${feed ? this.counters(hass, feed) : nothing}
      ${
        feed
          ? html`<filament-slots-driver-log .hass=${hass} .feed=${feed}></filament-slots-driver-log>`
          : nothing
      }`;
  }

  private counters(hass: Hass, { samples }: DriverFeed): TemplateResult | typeof nothing {
    const counted = samples.at(-1)?.counters;
    if (!counted) return nothing;
    const now = Date.now();
    return html`<h3>${text(hass, "driver.counters")}</h3>
      <dl class="counters">${Object.keys(counted).map((counter) => {
        const values = valuesOf(samples, counter, now);
        return html`<div><dt>${counterName(hass, counter)}</dt>
          <dd>${counterText(hass, counter, counted[counter] ?? null)}
            ${sparkline(isGauge(counter) ? values : gainsOf(values))}</dd></div>`;
      })}</dl>`;
  }

  private toggle(): void {
    this.open = !this.open;
  }

  /** Enable or disable the entry, which starts or stops its driver. */
  private async enable({ entry_id }: Driver, enabled: boolean): Promise<void> {
    this.error = "";
    try {
      await this.hass.connection.sendMessagePromise({
        type: "config_entries/disable",
        entry_id,
        disabled_by: enabled ? null : "user",
      });
    } catch (error) {
      this.error = (error as { message?: string }).message || text(this.hass, "sheet.failed");
    }
    this.requestUpdate();
  }

  private unfollow(): void {
    this.stopListening?.();
    this.stopListening = undefined;
    this.feed = undefined;
  }

  static override styles = [
    shared,
    sparklineStyles,
    css`
      :host,
      ha-card {
        height: auto;
      }
      header {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 8px 8px 4px 16px;
        padding-inline: 16px 8px;
      }
      header > ha-icon {
        color: var(--success-color, #43a047);
      }
      .alarm header > ha-icon {
        color: var(--error-color);
      }
      .what {
        flex: 1;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .fold {
        min-width: 44px;
        min-height: 44px;
        border-radius: 50%;
      }
      .fold[aria-expanded="true"] ha-icon {
        display: inline-block;
        rotate: 180deg;
      }
      .fold:hover,
      .chip:hover:not(:disabled) {
        background: var(--tint);
      }
      .body {
        display: flex;
        flex-direction: column;
        gap: 12px;
        min-width: 0;
        padding: 4px 16px 16px;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .buttons .chip {
        min-height: 44px;
        padding: 6px 12px;
      }
      .error {
        overflow-wrap: anywhere;
      }
      h3 {
        font-size: var(--ha-font-size-m, 14px);
      }
      summary {
        min-height: 44px;
        box-sizing: border-box;
        padding-block: 12px;
        cursor: pointer;
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
        font-size: var(--ha-font-size-s, 12px);
      }
      li {
        padding-block: 2px;
      }
      dl {
        display: grid;
        gap: 4px 16px;
        margin: 0;
      }
      .about > div {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 16px;
      }
      .counters {
        grid-template-columns: repeat(auto-fill, minmax(120px, 1fr));
      }
      dt {
        color: var(--secondary-text-color);
        font-size: var(--ha-font-size-s, 12px);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];
}

function about(hass: Hass, info: DriverInfo): TemplateResult {
  const facts = [
    ["driver", info.name],
    ["version", info.version],
    ["author", info.author],
  ] as const;
  const url = info.documentation_url;
  return html`<div>
    <dl class="about">${facts.map(([key, value]) =>
      value
        ? html`<div><dt>${text(hass, `driver.${key}`)}</dt><dd dir="auto">${value}</dd></div>`
        : nothing,
    )}</dl>
    ${
      // The address is from the driver's author: nothing but a page is opened.
      /^https?:\/\//.test(url)
        ? html`<a href=${url} target="_blank" rel="noreferrer">${text(hass, "driver.documentation")}</a>`
        : nothing
    }</div>`;
}

/** The changes of status, the last one first. */
function history(hass: Hass, transitions: readonly Transition[]): TemplateResult {
  const clock = new Intl.DateTimeFormat(hass.locale.language, {
    dateStyle: "short",
    timeStyle: "medium",
    timeZone: timeZone(hass),
  });
  return html`<ol>${[...transitions]
    .reverse()
    .map(
      ({ at, error, status }) =>
        html`<li>${[
          clock.format(new Date(at)),
          stateText(hass, "sensor.driver_status", status),
          error ? codeText(hass, error) : "",
        ]
          .filter(Boolean)
          .join(" · ")}</li>`,
    )}</ol>`;
}
