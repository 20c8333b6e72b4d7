/** One websocket subscription for all cards of a page: the state of the printers and their events. */

import type { SentEvent } from "./events";
import type { Connection } from "./ha";
import type { Printer } from "./model";

export interface Change {
  printer: Printer;
  event: SentEvent | null;
}

type Message = { printers: Printer[] } | Change | { removed: string };
type Listener = (change?: Change) => void;

const RETRY_SECONDS = [1, 2, 4, 8, 15, 30];
const feeds = new WeakMap<Connection, Feed>();

export function feedOf(connection: Connection): Feed {
  const feed = feeds.get(connection) ?? new Feed(connection);
  feeds.set(connection, feed);
  return feed;
}

export class Feed {
  /** Undefined until the first message. */
  printers: readonly Printer[] | undefined;
  /** Whether the subscription failed: the integration is not loaded, or not yet. */
  failed = false;

  private readonly listeners = new Set<Listener>();
  private session = 0;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private unsubscribe: (() => unknown) | undefined;

  constructor(private readonly connection: Connection) {}

  /** Add a listener; it is called with each change, and without one when everything may have changed. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) {
      this.connection.addEventListener("ready", this.open);
      void this.open();
    } else {
      listener();
    }
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.close();
    };
  }

  /** Subscribe; also after each reconnection, as Home Assistant may have restarted. */
  private readonly open = async (): Promise<void> => {
    const session = ++this.session;
    clearTimeout(this.retry);
    this.unsubscribe = undefined;
    try {
      const unsubscribe = await this.connection.subscribeMessage<Message>(
        (message) => this.session === session && this.receive(message),
        { type: "filament_slots/subscribe" },
        { resubscribe: false },
      );
      if (this.session !== session) return endSubscription(unsubscribe);
      this.unsubscribe = unsubscribe;
    } catch {
      if (this.session !== session) return;
      this.failed = true;
      const seconds = RETRY_SECONDS[Math.min(this.failures++, RETRY_SECONDS.length - 1)];
      this.retry = setTimeout(this.open, (seconds as number) * 1000);
      this.notify();
    }
  };

  private close(): void {
    this.session++;
    clearTimeout(this.retry);
    this.connection.removeEventListener("ready", this.open);
    endSubscription(this.unsubscribe);
    this.unsubscribe = undefined;
    this.printers = undefined;
    this.failed = false;
  }

  private receive(message: Message): void {
    this.failed = false;
    this.failures = 0;
    if ("printers" in message) {
      this.printers = message.printers;
      this.notify();
    } else if ("removed" in message) {
      this.printers = this.printers?.filter((printer) => printer.entry_id !== message.removed);
      this.notify();
    } else {
      this.replace(message.printer);
      this.notify(message);
    }
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

  private notify(change?: Change): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}

/** End a subscription; errors are ignored, as a lost connection has ended it already. */
function endSubscription(unsubscribe: (() => unknown) | undefined): void {
  void Promise.resolve(unsubscribe?.()).catch(() => undefined);
}
