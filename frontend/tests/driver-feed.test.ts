import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DriverFeed, MOST_LINES } from "../src/driver-feed";
import type { Connection } from "../src/ha";

class FakeConnection {
  send: (message: unknown) => void = () => undefined;
  sent: Record<string, unknown>[] = [];
  unsubscribed = 0;
  private ready: () => void = () => undefined;

  async subscribeMessage(send: (message: unknown) => void, message: Record<string, unknown>) {
    this.send = send;
    this.sent.push(message);
    return () => void this.unsubscribed++;
  }
  addEventListener(_: string, ready: () => void) {
    this.ready = ready;
  }
  removeEventListener() {}
  reconnect() {
    this.ready();
  }
}

const line = (message: string) => ({
  at: "2026-11-30T02:00:00Z",
  level: "info",
  message,
  correlation_id: null,
});
const STATUS = {
  status: "running",
  since: "2026-11-30T02:00:00Z",
  connected: true,
  last_error: null,
  transitions: [],
};

describe("the feed of a driver", () => {
  let connection: FakeConnection;
  let feed: DriverFeed;
  let changes: unknown[];
  let leave: () => void;
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const messages = () => feed.lines.map(({ message }) => message);

  beforeEach(async () => {
    vi.useFakeTimers();
    connection = new FakeConnection();
    feed = new DriverFeed(connection as unknown as Connection, "entry");
    changes = [];
    leave = feed.listen((change) => changes.push(change));
    await settle();
  });
  afterEach(() => vi.useRealTimers());

  it("asks for the last lines of one driver, and names what has changed", () => {
    expect(connection.sent).toEqual([
      {
        type: "filament_slots/subscribe_driver",
        entry_id: "entry",
        lines: MOST_LINES,
        level: "info",
      },
    ]);
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a"), line("b")] });
    connection.send({ counters: { messages: 3 } });
    connection.send({ status: { ...STATUS, status: "reconnecting" } });
    expect(changes).toEqual([undefined, "lines", "counters", "status"]);
    expect(feed.status?.status).toBe("reconnecting");
    expect(messages()).toEqual(["a", "b"]);
  });

  it("keeps the last lines only, cut to a length that a page can hold", () => {
    connection.send({ status: STATUS });
    for (let batch = 0; batch < 10; batch++)
      connection.send({
        lines: Array.from({ length: 100 }, (_, index) => line(`${batch} ${index}`)),
      });
    expect(feed.lines).toHaveLength(MOST_LINES);
    expect(messages().at(0)).toBe("7 0");
    expect(messages().at(-1)).toBe("9 99");
    expect(feed.last).toBe(1_000);
    connection.send({ lines: [line("x".repeat(1_000_000))] });
    expect(messages().at(-1)).toHaveLength(2_000);
  });

  it("gives each line a number of its own", () => {
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a"), line("a")] });
    connection.send({ lines: [line("a")] });
    expect(feed.lines.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it("asks again for another level, and shows the lines of that one alone", async () => {
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a")] });
    const before = connection.send;
    feed.level = "error";
    await settle();
    expect(connection.unsubscribed).toBe(1);
    expect(connection.sent.at(-1)).toMatchObject({ level: "error" });
    before({ lines: [line("late")] });
    connection.send({ status: STATUS });
    connection.send({ lines: [line("b")] });
    expect(messages()).toEqual(["b"]);
  });

  it("takes another level without listeners, for later", async () => {
    leave();
    feed.level = "debug";
    await settle();
    expect(connection.sent).toHaveLength(1);
    feed.listen(() => undefined);
    await settle();
    expect(connection.sent.at(-1)).toMatchObject({ level: "debug" });
  });

  it("has each line once after a reconnection, and its counters still", async () => {
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a")] });
    connection.send({ counters: { messages: 1 } });
    connection.reconnect();
    await settle();
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a")] });
    expect(messages()).toEqual(["a"]);
    expect(feed.samples).toHaveLength(1);
    // The subscription of the connection before is gone with it.
    expect(connection.unsubscribed).toBe(0);
  });

  it("keeps the counters of the last two minutes, and one before", async () => {
    connection.send({ status: STATUS });
    for (let second = 0; second < 300; second++) {
      connection.send({ counters: { messages: second } });
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(feed.samples.map(({ counters }) => counters.messages)).toEqual(
      Array.from({ length: 122 }, (_, index) => 178 + index),
    );
    await vi.advanceTimersByTimeAsync(600_000);
    connection.send({ counters: { messages: 400 } });
    expect(feed.samples.map(({ counters }) => counters.messages)).toEqual([299, 400]);
  });

  it("holds few counters even if the clock stands still", () => {
    connection.send({ status: STATUS });
    for (let count = 0; count < 1_000; count++) connection.send({ counters: { messages: count } });
    expect(feed.samples).toHaveLength(150);
  });

  it("holds nothing once it is left", () => {
    connection.send({ status: STATUS });
    connection.send({ lines: [line("a")] });
    connection.send({ counters: { messages: 1 } });
    leave();
    expect([feed.status, feed.lines, feed.samples]).toEqual([undefined, [], []]);
    expect(connection.unsubscribed).toBe(1);
  });
});
