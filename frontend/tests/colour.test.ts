import { describe, expect, it } from "vitest";
import {
  BLACK,
  type Colour,
  colourName,
  coloursOf,
  contrast,
  discBackground,
  inkOn,
  parseColour,
  WHITE,
} from "../src/colour";

describe("colours as printers report them", () => {
  it("parses six and eight digits in any case", () => {
    expect(parseColour("#FF8000")).toEqual({ red: 255, green: 128, blue: 0, alpha: 1 });
    expect(parseColour("#ff800000")?.alpha).toBe(0);
    expect(parseColour("#FF800080")?.alpha).toBeCloseTo(0.5, 2);
  });

  it.each([
    "",
    "red",
    "#F80",
    "#FF80",
    "#GGGGGG",
    "FF8000",
    "#FF80000",
    "#FF8000;x:y",
    null,
    7,
    {},
  ])("rejects %j", (text) => {
    expect(parseColour(text)).toBeUndefined();
    expect(coloursOf({ color_hex: text, colors: text })).toEqual([]);
  });

  it("prefers several colours, and leaves out what cannot be read", () => {
    const filament = { color_hex: "#000000", colors: ["#FF0000", "nonsense", "#00FF00"] };
    expect(coloursOf(filament).map(({ red }) => red)).toEqual([255, 0]);
    expect(coloursOf({ color_hex: "#000000", colors: [] })).toEqual([BLACK]);
  });
});

describe("the disc", () => {
  it("has a slice for each colour", () => {
    expect(discBackground([BLACK, WHITE])).toBe(
      "conic-gradient(rgb(0 0 0 / 1) 0deg 180deg, rgb(255 255 255 / 1) 180deg 360deg)",
    );
  });

  it("shows checks through clear filament only", () => {
    expect(discBackground([{ ...WHITE, alpha: 0.5 }])).toContain("repeating-conic-gradient");
    expect(discBackground([WHITE])).not.toContain("repeating");
    expect(discBackground([])).toBeUndefined();
  });
});

describe("ink", () => {
  it("is readable on every filament colour (WCAG AA)", () => {
    for (let red = 0; red < 256; red += 15)
      for (let green = 0; green < 256; green += 15)
        for (let blue = 0; blue < 256; blue += 15) {
          const colour = { red, green, blue, alpha: 1 };
          expect(contrast(inkOn([colour]), colour)).toBeGreaterThanOrEqual(4.5);
        }
  });

  it("is dark on clear filament", () => {
    expect(inkOn([{ ...BLACK, alpha: 0.1 }])).toEqual(BLACK);
  });

  it("has the contrasts of WCAG 2", () => {
    expect(contrast(BLACK, WHITE)).toBeCloseTo(21, 5);
    expect(contrast(WHITE, WHITE)).toBe(1);
  });
});

describe("the name of a colour", () => {
  it.each([
    ["#000000", "black"],
    ["#161616", "black"],
    ["#FFFFFF", "white"],
    ["#F5F5F0", "white"],
    ["#808080", "grey"],
    ["#C12E1F", "red"],
    ["#FF6A13", "orange"],
    ["#6F5034", "brown"],
    ["#FEC600", "yellow"],
    ["#00AE42", "green"],
    ["#0ACCCC", "cyan"],
    ["#0A2989", "blue"],
    ["#5E43B7", "purple"],
    ["#F55A74", "pink"],
    ["#FF00FF", "pink"],
    ["#FFFFFF10", "clear"],
  ])("of %s is %s", (hex, name) => {
    expect(colourName(parseColour(hex) as Colour)).toBe(name);
  });
});
