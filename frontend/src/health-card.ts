/** Card with the connections of the printers and the failed events; for administrators. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { isAlert, summaryOf } from "./attention";
import { FeedCard, shared } from "./base";
import { ago } from "./days";
import { canRestart, type Driver, lastErrorText, restart, statusText } from "./driver";
import type { Change } from "./feed";
import { deviceName, type Hass, loadExceptions, text } from "./ha";

interface Failed {
  id: number;
  outcome: string;
  reason: string;
  last_at: string | null;
}

const MOST_FAILED = 50;

export class HealthCard extends FeedCard {
  private drivers: Driver[] | undefined;
  private failed: Failed[] = [];
  private moreFailed = false;
  private broken = false;

  protected override feedChanged(change?: Change): void {
    super.feedChanged(change);
    if (!change?.event) void this.load();
  }

  /** Whether something needs the user, so that the card is red. */
  private get alarmed(): boolean {
    return this.failed.length > 0 || (this.feed?.printers ?? []).some(isAlert);
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    const { when } = this.config;
    if (when) this.show(this.alarmed === (when === "alert"));
  }

  /** Show or hide the card in its section, as Home Assistant's own cards do. */
  private show(shown: boolean): void {
    const card = this.parentElement;
    if (!card || card.hidden === !shown) return;
    card.hidden = !shown;
    card.dispatchEvent(new CustomEvent("card-visibility-changed", { detail: { value: shown } }));
  }

  protected override content(hass: Hass): TemplateResult {
    const heading = this.heading || text(hass, "health.title");
    if (!hass.user?.is_admin)
      return html`<header><h2>${heading}</h2></header>
        ${this.note("mdi:account-lock-outline", text(hass, "health.admins_only"))}`;
    if (!this.drivers)
      return html`<header><h2>${heading}</h2></header>${
        this.broken || this.feed?.failed
          ? this.note("mdi:power-plug-off-outline", text(hass, "card.unavailable"))
          : this.note("mdi:heart-pulse", text(hass, "card.loading"))
      }`;
    if (this.alarmed)
      return html`<header class="alarm"><ha-icon .icon=${"mdi:alert-circle"}></ha-icon>
        <h2>${heading}</h2></header>${this.rows(hass, this.drivers)}`;
    const { offline } = summaryOf(this.feed?.printers ?? []);
    return html`<details class="calm"><summary>
        <ha-icon .icon=${"mdi:check-circle-outline"}></ha-icon>
        <h2>${heading}</h2>
        <span class="secondary">${[
          text(hass, "health.calm"),
          offline ? text(hass, "filter.offline", { count: offline }) : "",
        ]
          .filter(Boolean)
          .join(" · ")}</span>
        <ha-icon class="fold" .icon=${"mdi:chevron-down"}></ha-icon>
      </summary>${this.rows(hass, this.drivers)}</details>`;
  }

  /** The connections, of which only those that need the user are open, and the failed events. */
  private rows(hass: Hass, drivers: readonly Driver[]): TemplateResult {
    const alerts = new Set(this.feed?.printers?.filter(isAlert).map(({ entry_id }) => entry_id));
    const list = (shown: readonly Driver[]) =>
      html`<ul>${shown.map((driver) => this.row(hass, driver, alerts.has(driver.entry_id)))}</ul>`;
    const others = drivers.filter(({ entry_id }) => !alerts.has(entry_id));
    return html`${
      alerts.size > 0 && others.length > 0
        ? html`${list(drivers.filter(({ entry_id }) => alerts.has(entry_id)))}
            <details class="others"><summary>${text(hass, "filter.printers", { count: others.length })}</summary>
              ${list(others)}</details>`
        : list(drivers)
    }
      ${
        this.failed.length === 0
          ? html`<p class="none secondary">${text(hass, "health.no_failed_events")}</p>`
          : html`<details class="failed"><summary>${text(hass, "health.failed_events", {
              count: `${this.failed.length}${this.moreFailed ? "+" : ""}`,
            })}</summary>
            <ul>${this.failed.map(
              (event) => html`<li><div class="what">${event.reason}
              <div class="secondary">${this.age(hass, event.last_at)}</div></div></li>`,
            )}</ul></details>`
      }`;
  }

  private row(hass: Hass, driver: Driver, alert: boolean): TemplateResult {
    const { capabilities, device_id, health, name } = driver;
    const label = deviceName(hass, device_id, name);
    const error = lastErrorText(hass, health);
    return html`<li class=${alert ? "alarm" : ""}>
      <ha-icon .icon=${health.status === "running" ? "mdi:check-circle-outline" : "mdi:alert-circle-outline"}></ha-icon>
      <div class="what">
        <div>${label}</div>
        <div class="secondary">${statusText(hass, health)}</div>
        ${
          alert
            ? html`<div role="alert"><a href="/config/repairs">${text(hass, "card.open_repair")}</a></div>`
            : nothing
        }
        ${error ? html`<div class="secondary">${error}</div>` : nothing}
      </div>
      <button class="chip" aria-label=${text(hass, "health.restart_driver", { name: label })}
        ?disabled=${!canRestart(driver)}
        @click=${() => this.restart(hass, driver)}>${text(hass, "health.restart")}</button>
      ${
        capabilities.some(({ read_only }) => read_only)
          ? html`<details class="can" ?open=${alert} @toggle=${loadDrivers}>
            <summary>${text(hass, "driver.capabilities")}<span class="hidden"> ${label}</span></summary>
            <filament-slots-capabilities without-input .hass=${hass} .driver=${driver}></filament-slots-capabilities>
          </details>`
          : nothing
      }
    </li>`;
  }

  private age(hass: Hass, at: string | null): string {
    return at ? ago(at, new Date(), hass.locale.language) : "";
  }

  private async restart(hass: Hass, driver: Driver): Promise<void> {
    await restart(hass, driver);
    await this.load();
  }

  private async load(): Promise<void> {
    const hass = this.hass;
    if (!hass?.user?.is_admin || !this.feed?.printers) return;
    const send = <T>(type: string, more: object = {}) =>
      hass.connection.sendMessagePromise<T>({ type: `filament_slots/${type}`, ...more });
    try {
      this.drivers = (await send<{ drivers: Driver[] }>("drivers")).drivers;
      this.broken = false;
      if (this.drivers.some(({ state }) => state !== "loaded")) await loadExceptions(hass);
      const page = await send<{ failed_events: Failed[]; cursor: number | null }>("failed_events", {
        limit: MOST_FAILED,
      });
      this.failed = page.failed_events;
      this.moreFailed = page.cursor !== null;
    } catch {
      this.broken = true;
    }
    this.requestUpdate();
  }

  static override styles = [
    shared,
    css`
      header,
      .calm > summary {
        display: flex;
        align-items: center;
        flex-wrap: wrap;
        gap: 2px 8px;
        min-height: 48px;
        padding: 4px 16px;
      }
      .fold {
        margin-inline-start: auto;
      }
      [open] .fold {
        rotate: 180deg;
      }
      .calm > summary > ha-icon:first-child {
        color: var(--success-color, #43a047);
      }
      .alarm > ha-icon {
        color: var(--error-color);
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0 16px;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 12px;
        padding: 8px 0;
      }
      li + li {
        border-block-start: 1px solid var(--divider-color);
      }
      .what {
        flex: 1;
        min-width: 0;
        overflow-wrap: anywhere;
        line-height: 1.4;
      }
      li button.chip {
        min-height: 44px;
        padding: 6px 12px;
      }
      button:hover:not(:disabled) {
        background: var(--tint);
      }
      summary {
        cursor: pointer;
      }
      .can {
        flex-basis: 100%;
        min-width: 0;
      }
      .can > summary,
      .others > summary,
      .failed > summary {
        min-height: 44px;
        box-sizing: border-box;
        padding-block: 12px;
      }
      .others {
        margin-inline: 16px;
      }
      .others ul {
        padding: 0;
      }
      .none,
      .failed {
        margin: 4px 16px 12px;
      }
      .failed ul {
        padding: 0;
      }
    `,
  ];
}

/** The elements that run what a driver can do are loaded when they are needed. */
function loadDrivers({ newState }: ToggleEvent): void {
  if (newState === "open") void import("./drivers");
}
