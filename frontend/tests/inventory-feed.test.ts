import { expect, it } from "vitest";
import type { Connection } from "../src/ha";
import { inventoryFeedOf } from "../src/inventory-feed";

it("holds the spools of all inventories, and takes over changes and removals", () => {
  let send: (message: unknown) => void = () => undefined;
  const connection = {
    subscribeMessage: async (callback: typeof send, message: unknown) => {
      expect(message).toEqual({ type: "filament_slots/subscribe_inventory_spools" });
      send = callback;
    },
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  } as unknown as Connection;
  const feed = inventoryFeedOf(connection);
  const shown = () => feed.spools.map(({ url, name }) => `${url} ${name}`).sort();

  const leave = feed.listen(() => undefined);
  send({
    spools: [
      { url: "a", name: "A" },
      { url: "b", name: "B" },
    ],
    removed: [],
  });
  send({
    spools: [
      { url: "b", name: "New" },
      { url: "c", name: "C" },
    ],
    removed: ["a"],
  });
  expect(shown()).toEqual(["b New", "c C"]);
  leave();
  expect(shown()).toEqual([]);
});
