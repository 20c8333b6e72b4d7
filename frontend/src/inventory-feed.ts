/** The feed of the spools of inventories. */

import type { Connection } from "./ha";
import type { InventorySpool } from "./library";
import { Subscription } from "./subscription";

interface Message {
  spools: InventorySpool[];
  removed: string[];
}

const feeds = new WeakMap<Connection, InventoryFeed>();

export function inventoryFeedOf(connection: Connection): InventoryFeed {
  const feed =
    feeds.get(connection) ??
    new InventoryFeed(connection, "filament_slots/subscribe_inventory_spools");
  feeds.set(connection, feed);
  return feed;
}

export class InventoryFeed extends Subscription<Message> {
  /** Without inventories it is empty. */
  spools: readonly InventorySpool[] = [];

  protected override receive({ spools, removed }: Message, first: boolean): undefined {
    const replaced = new Set([...removed, ...spools.map(({ url }) => url)]);
    const kept = first ? [] : this.spools.filter(({ url }) => !replaced.has(url));
    this.spools = [...spools, ...kept];
  }

  protected override clear(): void {
    this.spools = [];
  }
}
