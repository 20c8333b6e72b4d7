/** Base class of all cards: subscribes to the feed and renders only when something shown has changed. */

import { css, html, LitElement, type TemplateResult } from "lit";
import { type Change, type Feed, feedOf } from "./feed";
import { type CardConfig, type Hass, loadTexts, text } from "./ha";

const MINUTE = 60_000;
// Home Assistant replaces `hass` with every state change; these are the parts that the cards show.
const SHOWN = [
  "localize",
  "locale",
  "entities",
  "devices",
  "services",
  "user",
  "connection",
] as const;

export abstract class FeedCard extends LitElement {
  protected config: CardConfig = { type: "" };
  private current?: Hass;
  private stopListening: (() => void)[] = [];
  private clock: ReturnType<typeof setInterval> | undefined;

  get hass(): Hass | undefined {
    return this.current;
  }

  set hass(hass: Hass | undefined) {
    const before = this.current;
    this.current = hass;
    if (!hass) return;
    if (before?.connection !== hass.connection || before.locale.language !== hass.locale.language)
      void loadTexts(hass).catch(() => undefined);
    if (before?.connection !== hass.connection) this.follow();
    if (SHOWN.some((key) => before?.[key] !== hass[key])) this.requestUpdate();
  }

  setConfig(config: CardConfig): void {
    this.config = config;
    this.requestUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow();
    // Relative times change without an event.
    this.clock = setInterval(() => this.requestUpdate(), MINUTE);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.unfollow();
  }

  protected get feed(): Feed | undefined {
    return this.current && feedOf(this.current.connection);
  }

  protected get device(): string | undefined {
    const { device } = this.config;
    return typeof device === "string" && device ? device : undefined;
  }

  protected get heading(): string {
    return typeof this.config.title === "string" ? this.config.title : "";
  }

  /** Called for each change of the feed; without an argument everything may have changed. */
  protected feedChanged(_change?: Change): void {
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    const hass = this.current;
    // Translations are loaded after the first render.
    if (!hass || !text(hass, "card.unavailable")) return html`<ha-card></ha-card>`;
    return html`<ha-card>${this.content(hass)}</ha-card>`;
  }

  protected abstract content(hass: Hass): TemplateResult;

  protected note(icon: string, message: string, more: unknown = ""): TemplateResult {
    return html`<div class="note" role="status"><ha-icon .icon=${icon}></ha-icon>
      <div>${message}${more}</div></div>`;
  }

  /** The feeds whose changes update the card. */
  protected feeds(hass: Hass): { listen(listener: (change?: Change) => void): () => void }[] {
    return [feedOf(hass.connection)];
  }

  private follow(): void {
    this.unfollow();
    if (!this.isConnected || !this.current) return;
    this.stopListening = this.feeds(this.current).map((feed) =>
      feed.listen((change) => this.feedChanged(change)),
    );
  }

  private unfollow(): void {
    for (const stop of this.stopListening.splice(0)) stop();
  }
}

export const shared = css`
  :host {
    display: block;
    height: 100%;
    --edge: color-mix(in srgb, var(--primary-text-color) 60%, transparent);
    --tint: color-mix(in srgb, var(--primary-text-color) 5%, transparent);
    --paper: var(--ha-card-background, var(--card-background-color, #fff));
  }
  ha-card {
    display: flex;
    flex-direction: column;
    height: 100%;
    box-sizing: border-box;
    overflow: hidden;
    color: var(--primary-text-color);
  }
  h2,
  h3,
  p {
    margin: 0;
    font-weight: var(--ha-font-weight-medium, 500);
  }
  h2 {
    font-size: var(--ha-font-size-l, 16px);
    line-height: 1.4;
  }
  .secondary {
    color: var(--secondary-text-color);
    font-size: var(--ha-font-size-s, 12px);
    font-weight: var(--ha-font-weight-normal, 400);
  }
  /* For screen readers only. */
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .note {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 16px;
    color: var(--secondary-text-color);
  }
  a {
    display: inline-flex;
    align-items: center;
    min-width: 44px;
    min-height: 44px;
    color: var(--primary-text-color);
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    padding: 1px 8px;
    border: 1px solid var(--edge);
    border-radius: 999px;
    font-size: var(--ha-font-size-s, 12px);
    color: var(--primary-text-color);
    white-space: nowrap;
  }
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    padding: 0;
    cursor: pointer;
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  button:focus-visible,
  a:focus-visible,
  select:focus-visible,
  summary:focus-visible,
  [tabindex]:focus-visible {
    outline: 2px solid var(--primary-color);
    outline-offset: 1px;
  }
  ha-icon {
    --mdc-icon-size: 18px;
    flex: none;
  }
`;
