/** Draws a spool: its colours, how much is left, and whether it is identified. */

import { css, html, nothing, type TemplateResult } from "lit";
import { styleMap } from "lit/directives/style-map.js";
import { coloursOf, css as cssColour, discBackground, inkOn } from "./colour";
import type { Filament, Slot, Status } from "./model";

/** unknown: not reported yet; unwatched: no sensor detects whether a spool is present. */
export type Look = Status | "unknown" | "unwatched";

/** The filament of a slot: what the printer reports, completed by what an inventory knows. */
export function filamentOf({ filament, spool: linked }: Slot): Filament {
  if (!linked) return filament;
  const measured = linked.remaining_g !== null || linked.remaining_percent !== null;
  return {
    ...filament,
    name: linked.name ?? filament.name,
    material: filament.material ?? linked.material ?? undefined,
    vendor: filament.vendor ?? linked.vendor ?? undefined,
    ...(coloursOf(filament).length === 0 ? { colors: linked.colors } : {}),
    ...(measured
      ? {
          remaining_g: linked.remaining_g ?? undefined,
          remaining_percent: linked.remaining_percent ?? undefined,
        }
      : {}),
  };
}

/** The filament is one of `filamentOf`; low: where that is known better than by its percentage. */
export function spool(look: Look, filament: Filament, low = isLow(filament)): TemplateResult {
  if (look === "empty" || look === "unknown")
    return html`<div class="spool ${look}" aria-hidden="true">${look === "unknown" ? "–" : nothing}</div>`;
  const colours = coloursOf(filament);
  const left = percentLeft(filament);
  const style = {
    "--disc": discBackground(colours),
    "--ink": colours.length > 0 ? cssColour(inkOn(colours)) : undefined,
    "--left": left === undefined ? undefined : `${left}%`,
  };
  const state = [colours.length > 0 ? "" : "plain", left === 0 ? "used-up" : ""].join(" ");
  return html`<div class="spool ${look} ${state}" style=${styleMap(style)} aria-hidden="true">
    ${left === undefined ? nothing : html`<div class="ring ${low ? "low" : ""}"></div>`}
    <div class="disc"></div>
    <div class="hub">${look === "unidentified" && !isDescribed(filament) ? "?" : nothing}</div>
  </div>`;
}

/** Whether anything is known of a filament that a person could recognize it by. */
export function isDescribed(filament: Filament): boolean {
  return Boolean(filament.name || filament.material) || coloursOf(filament).length > 0;
}

/** The remaining filament in percent; undefined when it is not known. */
export function percentLeft(filament: Filament): number | undefined {
  const left = filament.remaining_percent;
  return typeof left === "number" && left >= 0 && left <= 100 ? left : undefined;
}

/** Whether little filament is left. */
export function isLow(filament: Filament): boolean {
  const left = percentLeft(filament);
  return left !== undefined && left <= 15;
}

/** Whether little is left of the spool in a slot. */
export function lowOf(slot: Slot): boolean {
  return slot.status !== "empty" && (slot.spool?.low ?? isLow(filamentOf(slot)));
}

/** The look of a slot; one without a sensor shows what was set on the printer. */
export function lookOf(slot: Slot): Look {
  if (slot.status) return slot.status;
  return Object.keys(slot.filament).length > 0 ? "unwatched" : "unknown";
}

export function percentText(percent: number, language: string): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(
    percent / 100,
  );
}

export const spoolStyles = css`
  .spool {
    position: relative;
    width: var(--spool-size, 64px);
    max-width: 100%;
    aspect-ratio: 1;
    border-radius: 50%;
    box-sizing: border-box;
    flex: none;
  }
  .spool > div {
    position: absolute;
    border-radius: 50%;
    box-sizing: border-box;
  }
  .empty,
  .unknown {
    border: 2px dashed var(--edge);
    transform: scale(0.82);
  }
  .unknown {
    border-style: dotted;
    display: grid;
    place-items: center;
    color: var(--secondary-text-color);
    font-size: 1.25em;
  }
  .ring {
    inset: 0;
    background: conic-gradient(
      var(--primary-color) var(--left),
      color-mix(in srgb, var(--primary-text-color) 14%, transparent) 0
    );
    mask: radial-gradient(closest-side, transparent calc(100% - 4px), #000 calc(100% - 3.5px));
  }
  .ring.low {
    background: conic-gradient(
      var(--error-color) var(--left),
      color-mix(in srgb, var(--primary-text-color) 14%, transparent) 0
    );
  }
  .disc {
    inset: 9%;
    border: 1.5px solid var(--edge);
    background: var(--disc);
    background-clip: border-box;
  }
  .disc::after {
    content: "";
    position: absolute;
    inset: 0;
    border-radius: 50%;
    opacity: 0.14;
    background: repeating-radial-gradient(circle, transparent 0 2.5px, var(--ink) 3px 3.5px);
  }
  .plain .disc {
    background: repeating-linear-gradient(
      45deg,
      color-mix(in srgb, var(--primary-text-color) 16%, transparent) 0 4px,
      transparent 4px 9px
    );
  }
  .unwatched .disc {
    border-style: dashed;
  }
  /* Nothing left: the bare spool, with a rim of its colour. */
  .used-up .disc {
    mask: radial-gradient(closest-side, transparent 78%, #000 80%);
  }
  .hub {
    inset: 36%;
    display: grid;
    place-items: center;
    background: var(--paper);
    border: 1.5px solid var(--edge);
  }
  .unidentified .hub:not(:empty) {
    inset: 27%;
    font-weight: 700;
    font-size: calc(var(--spool-size, 64px) * 0.34);
    line-height: 1;
    color: var(--primary-text-color);
  }
`;
