import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Change, feedOf } from "../src/feed";
import type { Connection } from "../src/ha";
import type { Printer } from "../src/model";

const printer = (entry_id: string, state = "loaded", slots: unknown[] = []) =>
  ({ entry_id, state, slots, units: [] }) as unknown as Printer;

class FakeConnection {
  send: ((message: unknown) => void) | undefined;
  subscribed = 0;
  unsubscribed = 0;
  refuses = false;
  private ready = new Set<() => void>();

  async subscribeMessage(send: (message: unknown) => void) {
    this.subscribed++;
    if (this.refuses) throw { code: "unknown_command" };
    this.send = send;
    return () => void this.unsubscribed++;
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
  const listen = (listener = vi.fn()) =>
    feedOf(connection as unknown as Connection).listen(listener);
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
    expect(connection.subscribed).toBe(1);
    leave[0]?.();
    leave[1]?.();
    expect(connection.unsubscribed).toBe(0);
    leave[2]?.();
    expect(connection.unsubscribed).toBe(1);
    connection.reconnect();
    await settle();
    expect(connection.subscribed).toBe(1);
  });

  it("reports the state, each change, and each removal", async () => {
    const changes: (Change | undefined)[] = [];
    listen(vi.fn((change) => changes.push(change)));
    await settle();
    connection.send?.({ printers: [printer("a"), printer("b")] });
    const change = { printer: printer("b", "loaded", [{}]), event: null };
    connection.send?.(change);
    expect(changes).toEqual([undefined, change]);
    expect(printers()?.map((one) => one.slots.length)).toEqual([0, 1]);
    connection.send?.({ printer: printer("c"), event: null });
    connection.send?.({ removed: "a" });
    expect(printers()?.map((one) => one.entry_id)).toEqual(["b", "c"]);
  });

  it("keeps the slots of a printer that reloads", async () => {
    listen();
    await settle();
    connection.send?.({ printers: [printer("a", "loaded", [{}, {}])] });
    connection.send?.({ printer: printer("a", "unload_in_progress"), event: null });
    expect(printers()?.[0]).toMatchObject({ state: "unload_in_progress", slots: [{}, {}] });
    connection.send?.({ printer: printer("a", "loaded", [{}]), event: null });
    expect(printers()?.[0]?.slots).toHaveLength(1);
  });

  it("retries with growing delays while the integration is not loaded", async () => {
    connection.refuses = true;
    listen();
    await settle();
    expect(feedOf(connection as unknown as Connection).failed).toBe(true);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(connection.subscribed).toBe(4);
    connection.refuses = false;
    await vi.advanceTimersByTimeAsync(8_000);
    connection.send?.({ printers: [] });
    expect(feedOf(connection as unknown as Connection).failed).toBe(false);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(connection.subscribed).toBe(5);
  });

  it("subscribes again after a reconnection, and ignores the old subscription", async () => {
    listen();
    await settle();
    const old = connection.send;
    connection.reconnect();
    await settle();
    connection.send?.({ printers: [printer("new")] });
    old?.({ printers: [printer("old")] });
    expect(printers()?.map((one) => one.entry_id)).toEqual(["new"]);
  });
});
