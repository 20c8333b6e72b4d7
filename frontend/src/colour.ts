/** Parses the colours that printers report, and computes readable text colours on them. */

export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  /** 0 is clear, 1 opaque. */
  readonly alpha: number;
}

export interface Coloured {
  color_hex?: unknown;
  colors?: unknown;
}

export const BLACK: Colour = { red: 0, green: 0, blue: 0, alpha: 1 };
export const WHITE: Colour = { red: 255, green: 255, blue: 255, alpha: 1 };

const CHECKS = "repeating-conic-gradient(#9e9e9e 0 25%, #e8e8e8 0 50%) 0 0 / 12px 12px";

/** Parse `#RRGGBB` or `#RRGGBBAA`; undefined for anything else. */
export function parseColour(text: unknown): Colour | undefined {
  if (typeof text !== "string") return undefined;
  const parts = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})?$/i.exec(text);
  if (!parts) return undefined;
  const byte = (index: number) => parseInt(parts[index] ?? "ff", 16);
  return { red: byte(1), green: byte(2), blue: byte(3), alpha: byte(4) / 255 };
}

/** The valid colours of a filament; empty when none is known. */
export function coloursOf(filament: Coloured): Colour[] {
  const several = Array.isArray(filament.colors) ? filament.colors : [];
  const colours = several.map(parseColour).filter((colour) => colour !== undefined);
  const single = parseColour(filament.color_hex);
  return colours.length > 0 ? colours : single ? [single] : [];
}

/** CSS background that shows the colours as slices of a disc. */
export function discBackground(colours: readonly Colour[]): string | undefined {
  if (colours.length === 0) return undefined;
  const slice = 360 / colours.length;
  const stops = colours.map(
    (colour, index) => `${css(colour)} ${round(index * slice)}deg ${round((index + 1) * slice)}deg`,
  );
  const disc = `conic-gradient(${stops.join(", ")})`;
  return colours.some((colour) => colour.alpha < 1) ? `${disc}, ${CHECKS}` : disc;
}

/** Black or white, whichever has the higher contrast with all of the colours. */
export function inkOn(colours: readonly Colour[]): Colour {
  const worst = (ink: Colour) => Math.min(...colours.map((colour) => contrast(ink, colour)));
  return worst(BLACK) >= worst(WHITE) ? BLACK : WHITE;
}

/** WCAG 2 contrast ratio, from 1 to 21; transparent filament is blended with white. */
export function contrast(one: Colour, other: Colour): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [
    number,
    number,
  ];
  return (light + 0.05) / (dark + 0.05);
}

export type ColourName =
  | "clear"
  | "black"
  | "grey"
  | "white"
  | "red"
  | "orange"
  | "brown"
  | "yellow"
  | "green"
  | "cyan"
  | "blue"
  | "purple"
  | "pink";

/** The everyday name of a colour, by its hue, saturation and lightness. */
export function colourName({ red, green, blue, alpha }: Colour): ColourName {
  if (alpha < 0.35) return "clear";
  const [least, most] = [Math.min(red, green, blue), Math.max(red, green, blue)];
  const lightness = (most + least) / 510;
  const chroma = (most - least) / 255;
  if (lightness < 0.1) return "black";
  if (lightness > 0.93) return "white";
  if (chroma < 0.12) return lightness < 0.2 ? "black" : lightness > 0.85 ? "white" : "grey";
  const sector =
    most === red
      ? (green - blue) / (most - least)
      : most === green
        ? 2 + (blue - red) / (most - least)
        : 4 + (red - green) / (most - least);
  const hue = (sector * 60 + 360) % 360;
  if (hue >= 15 && hue < 42) return lightness < 0.4 ? "brown" : "orange";
  const names: [number, ColourName][] = [
    [15, "red"],
    [70, "yellow"],
    [165, "green"],
    [195, "cyan"],
    [248, "blue"],
    [295, "purple"],
    [345, "pink"],
  ];
  const name = names.find(([end]) => hue < end)?.[1] ?? "red";
  return name === "red" && lightness > 0.62 ? "pink" : name;
}

export function css({ red, green, blue, alpha }: Colour): string {
  return `rgb(${red} ${green} ${blue} / ${round(alpha)})`;
}

function luminance({ red, green, blue, alpha }: Colour): number {
  const linear = (channel: number) => {
    const value = (channel * alpha + 255 * (1 - alpha)) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

const round = (value: number) => Math.round(value * 1000) / 1000;
