/** The time that is left until a moment, which counts down by itself. */

import { css, html, LitElement, type TemplateResult } from "lit";

const SECOND = 1000;

export class Countdown extends LitElement {
  static override properties = { until: { attribute: false } };

  /** ISO 8601. */
  declare until: string;
  private clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => this.requestUpdate(), SECOND);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
  }

  protected override render(): TemplateResult {
    return html`${leftText(Date.parse(this.until) - Date.now())}`;
  }

  static override styles = css`
    :host {
      font-size: var(--ha-font-size-l, 16px);
      font-variant-numeric: tabular-nums;
    }
  `;
}

/** "4:32", "1:00:00"; the last second is counted as a whole one. */
export function leftText(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / SECOND));
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ].map((part) => String(part).padStart(2, "0")) as [string, string, string];
  return hours === "00" ? `${Number(minutes)}:${rest}` : `${Number(hours)}:${minutes}:${rest}`;
}
