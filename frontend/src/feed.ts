/** The feed of the printers and their events. */

import type { SentEvent } from "./events";
import type { Connection } from "./ha";
import type { Printer } from "./model";
import { Subscription } from "./subscription";

export interface Change {
  printer: Printer;
  event: SentEvent | null;
}

type Message = { printers: Printer[] } | Change | { removed: string };

const feeds = new WeakMap<Connection, Feed>();

export function feedOf(connection: Connection): Feed {
  const feed = feeds.get(connection) ?? new Feed(connection, "filament_slots/subscribe");
  feeds.set(connection, feed);
  return feed;
}

export class Feed extends Subscription<Message, Change> {
  /** Undefined until the first message. */
  printers: readonly Printer[] | undefined;

  protected override receive(message: Message): Change | undefined {
    if ("printers" in message) {
      this.printers = message.printers;
    } else if ("removed" in message) {
      this.printers = this.printers?.filter((printer) => printer.entry_id !== message.removed);
    } else {
      this.replace(message.printer);
      return message;
    }
    return undefined;
  }

  protected override clear(): void {
    this.printers = undefined;
  }

  private replace(printer: Printer): void {
    const known = this.printers ?? [];
    const before = known.find((one) => one.entry_id === printer.entry_id);
    // While an entry reloads, its printer keeps the units and slots shown so far.
    const after =
      printer.state === "loaded" || !before
        ? printer
        : {
            ...printer,
            units: before.units,
            slots: before.slots,
          };
    this.printers = before ? known.map((one) => (one === before ? after : one)) : [...known, after];
  }
}
