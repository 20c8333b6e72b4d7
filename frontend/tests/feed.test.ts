import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { feedOf, type Change } from "../src/feed";
import type { Connection } from "../src/ha";
import type { Printer } from "../src/model";

const printer = (entry_id: string, state = "loaded", slots: unknown[] = []) =>
  ({ entry_id, state, slots, units: [] }) as unknown as Printer;

class FakeConnection {
  tell: ((message: unknown) => void) | undefined;
  asked = 0;
  left = 0;
  refuses = false;
  private ready = new Set<() => void>();

  async subscribeMessage(tell: (message: unknown) => void) {
    this.asked++;
    if (this.refuses) throw { code: "unknown_command" };
    this.tell = tell;
    return () => void this.left++;
  }
  addEventListener(_: string, callback: () => void) {
    this.ready.add(callback);
  }
  removeEventListener(_: string, callback: () => void) {
    this.ready.delete(callback);
  }
  reconnect() {
    for (const callback of this.ready) callback();
  }
}

describe("the feed", () => {
  let connection: FakeConnection;
  const listen = (listener = vi.fn()) => feedOf(connection as unknown as Connection).listen(listener);
  const printers = () => feedOf(connection as unknown as Connection).printers;
  const settle = () => vi.advanceTimersByTimeAsync(0);

  beforeEach(() => {
    vi.useFakeTimers();
    connection = new FakeConnection();
  });
  afterEach(() => vi.useRealTimers());

  it("is one for all cards, and ends with the last of them", async () => {
    const leave = [listen(), listen(), listen()];
    await settle();
    expect(connection.asked).toBe(1);
    leave[0]?.();
    leave[1]?.();
    expect(connection.left).toBe(0);
    leave[2]?.();
    expect(connection.left).toBe(1);
    connection.reconnect();
    await settle();
    expect(connection.asked).toBe(1);
  });

  it("tells the state, each change, and what is gone", async () => {
    const changes: (Change | undefined)[] = [];
    listen(vi.fn((change) => changes.push(change)));
    await settle();
    connection.tell?.({ printers: [printer("a"), printer("b")] });
    const change = { printer: printer("b", "loaded", [{}]), event: null };
    connection.tell?.(change);
    expect(changes).toEqual([undefined, change]);
    expect(printers()?.map((one) => one.slots.length)).toEqual([0, 1]);
    connection.tell?.({ printer: printer("c"), event: null });
    connection.tell?.({ removed: "a" });
    expect(printers()?.map((one) => one.entry_id)).toEqual(["b", "c"]);
  });

  it("keeps the slots of a printer that reloads", async () => {
    listen();
    await settle();
    connection.tell?.({ printers: [printer("a", "loaded", [{}, {}])] });
    connection.tell?.({ printer: printer("a", "unload_in_progress"), event: null });
    expect(printers()?.[0]).toMatchObject({ state: "unload_in_progress", slots: [{}, {}] });
    connection.tell?.({ printer: printer("a", "loaded", [{}]), event: null });
    expect(printers()?.[0]?.slots).toHaveLength(1);
  });

  it("asks again while the integration is not there, ever more rarely", async () => {
    connection.refuses = true;
    listen();
    await settle();
    expect(feedOf(connection as unknown as Connection).failed).toBe(true);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(connection.asked).toBe(4);
    connection.refuses = false;
    await vi.advanceTimersByTimeAsync(8_000);
    connection.tell?.({ printers: [] });
    expect(feedOf(connection as unknown as Connection).failed).toBe(false);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(connection.asked).toBe(5);
  });

  it("subscribes anew when the connection is back, and hears the old one no more", async () => {
    listen();
    await settle();
    const old = connection.tell;
    connection.reconnect();
    await settle();
    connection.tell?.({ printers: [printer("new")] });
    old?.({ printers: [printer("old")] });
    expect(printers()?.map((one) => one.entry_id)).toEqual(["new"]);
  });
});
