/** The feed of the spools of the library. */

import type { Connection } from "./ha";
import type { Spool } from "./library";
import { Subscription } from "./subscription";

interface Message {
  spools: Spool[];
}

const feeds = new WeakMap<Connection, SpoolFeed>();

export function spoolFeedOf(connection: Connection): SpoolFeed {
  const feed =
    feeds.get(connection) ?? new SpoolFeed(connection, "filament_slots/subscribe_spools");
  feeds.set(connection, feed);
  return feed;
}

export class SpoolFeed extends Subscription<Message> {
  /** Those seen last come first; undefined until the first message. */
  spools: readonly Spool[] | undefined;

  protected override receive({ spools }: Message, first: boolean): undefined {
    const changed = new Set(spools.map(({ id }) => id));
    const kept = first ? [] : (this.spools ?? []).filter(({ id }) => !changed.has(id));
    this.spools = [...spools, ...kept].sort(byLastSeen);
  }

  protected override clear(): void {
    this.spools = undefined;
  }
}

function byLastSeen({ last_seen: one }: Spool, { last_seen: other }: Spool): number {
  return (one ?? "") === (other ?? "") ? 0 : (one ?? "") < (other ?? "") ? 1 : -1;
}
