/** The spools of the library and of the inventories, as their feeds have them. */

import type { Connection } from "./ha";
import { inventoryFeedOf } from "./inventory-feed";
import { type AnySpool, allSpools } from "./library";
import { spoolFeedOf } from "./spool-feed";

export function spoolFeeds(connection: Connection) {
  return [spoolFeedOf(connection), inventoryFeedOf(connection)] as const;
}

/** Undefined until the library is known. */
export function shownSpools(connection: Connection): AnySpool[] | undefined {
  const [{ spools }, inventory] = spoolFeeds(connection);
  return spools && allSpools(spools, inventory.spools);
}
