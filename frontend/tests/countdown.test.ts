import { describe, expect, it } from "vitest";
import { leftText } from "../src/countdown";

describe("the time that is left", () => {
  it("has minutes and seconds, and hours where there are any", () => {
    expect(leftText(5 * 60_000)).toBe("5:00");
    expect(leftText(272_000)).toBe("4:32");
    expect(leftText(24 * 3_600_000)).toBe("24:00:00");
    expect(leftText(3_605_000)).toBe("1:00:05");
  });

  it("ends at nothing, and not before", () => {
    expect(leftText(900)).toBe("0:01");
    expect(leftText(0)).toBe("0:00");
    expect(leftText(-5000)).toBe("0:00");
  });
});
