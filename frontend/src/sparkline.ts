/** A small chart of a counter: what it gained, or its value, over the last two minutes. */

import { css, html, type TemplateResult } from "lit";
import { type Sample, WINDOW } from "./driver-feed";

/** How much time a point of the chart stands for, in milliseconds. */
export const STEP = 4_000;
const POINTS = WINDOW / STEP;
const WIDTH = 100;
const HEIGHT = 24;

/** The values of a counter at the end of each step, oldest first; undefined before the first. */
export function valuesOf(
  samples: readonly Sample[],
  counter: string,
  now: number,
): (number | undefined)[] {
  const values: (number | undefined)[] = [];
  let next = 0;
  let value: number | undefined;
  for (let point = POINTS; point >= 0; point--) {
    for (; (samples[next]?.at ?? Number.POSITIVE_INFINITY) <= now - point * STEP; next++)
      value = samples[next]?.counters[counter] ?? value;
    values.push(value);
  }
  return values;
}

/** What a counter gained in each step; nothing where it started again from zero. */
export function gainsOf(values: readonly (number | undefined)[]): (number | undefined)[] {
  return values.slice(1).map((value, index) => {
    const before = values[index];
    return value === undefined || before === undefined ? undefined : Math.max(0, value - before);
  });
}

/** The points of the line, from the bottom at 0 to the top at the largest value. */
export function pointsOf(values: readonly (number | undefined)[]): string {
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .flatMap((value, index) =>
      value === undefined
        ? []
        : `${round(index * step)},${round(HEIGHT - 1 - (value / top) * (HEIGHT - 2))}`,
    )
    .join(" ");
}

/** The chart; for screen readers the number beside it is enough. */
export function sparkline(values: readonly (number | undefined)[]): TemplateResult {
  return html`<svg class="sparkline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none"
    aria-hidden="true"><polyline points=${pointsOf(values)}></polyline></svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export const sparklineStyles = css`
  .sparkline {
    display: block;
    width: 100%;
    height: 24px;
    /* Time runs from left to right in every language, as on Home Assistant's charts. */
    direction: ltr;
  }
  polyline {
    fill: none;
    stroke: var(--primary-color);
    stroke-width: 1.5px;
    vector-effect: non-scaling-stroke;
  }
`;
