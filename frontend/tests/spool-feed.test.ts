import { expect, it } from "vitest";
import type { Connection } from "../src/ha";
import { spoolFeedOf } from "../src/spool-feed";

it("holds all spools, those seen last first, and takes over each change", async () => {
  let send: (message: unknown) => void = () => undefined;
  let ready = () => undefined;
  const connection = {
    subscribeMessage: async (callback: typeof send, message: unknown) => {
      expect(message).toEqual({ type: "filament_slots/subscribe_spools" });
      send = callback;
    },
    addEventListener: (_: string, callback: typeof ready) => {
      ready = callback;
    },
    removeEventListener: () => undefined,
  } as unknown as Connection;
  const feed = spoolFeedOf(connection);
  const spool = (id: number, last_seen: string | null, name = "") => ({ id, last_seen, name });
  const shown = () => feed.spools?.map(({ id, name }) => `${id}${name}`);
  let calls = 0;

  const leave = feed.listen(() => void calls++);
  expect(shown()).toBeUndefined();
  send({ spools: [spool(2, "2"), spool(1, "1"), spool(3, null)] });
  expect(shown()).toEqual(["2", "1", "3"]);
  send({ spools: [spool(1, "3", "new"), spool(4, "2")] });
  expect(shown()).toEqual(["1new", "4", "2", "3"]);
  expect(calls).toBe(2);

  // After a reconnection the first message is complete again.
  ready();
  send({ spools: [spool(2, "2")] });
  expect(shown()).toEqual(["2"]);
  leave();
  expect(shown()).toBeUndefined();
});
