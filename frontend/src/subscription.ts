/** A websocket subscription that all cards of a page share; renewed when it fails or reconnects. */

import type { Connection } from "./ha";

type Listener<Change> = (change?: Change) => void;

const RETRY_SECONDS = [1, 2, 4, 8, 15, 30];

export abstract class Subscription<Message, Change = never> {
  /** Whether the subscription failed: the integration is not loaded, or not yet. */
  failed = false;

  private readonly listeners = new Set<Listener<Change>>();
  private session = 0;
  private failures = 0;
  private first = true;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private unsubscribe: (() => unknown) | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly command: string,
  ) {}

  /** Add a listener; it is called with each change, and without one when everything may have changed. */
  listen(listener: Listener<Change>): () => void {
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

  /** What is sent with the command. */
  protected get options(): Record<string, unknown> {
    return {};
  }

  /** Subscribe again, as the options have changed. */
  protected renew(): void {
    if (this.listeners.size === 0) return;
    endSubscription(this.unsubscribe);
    void this.open();
  }

  /** Take over a message, the first one of a session complete; return the one change that it is. */
  protected abstract receive(message: Message, first: boolean): Change | undefined;

  /** Forget everything, as nothing is received any more. */
  protected abstract clear(): void;

  /** Subscribe; also after each reconnection, as Home Assistant may have restarted. */
  private readonly open = async (): Promise<void> => {
    const session = ++this.session;
    clearTimeout(this.retry);
    this.unsubscribe = undefined;
    this.first = true;
    try {
      const unsubscribe = await this.connection.subscribeMessage<Message>(
        (message) => this.session === session && this.received(message),
        { type: this.command, ...this.options },
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
    this.failed = false;
    this.clear();
  }

  private received(message: Message): void {
    this.failed = false;
    this.failures = 0;
    const change = this.receive(message, this.first);
    this.first = false;
    this.notify(change);
  }

  private notify(change?: Change): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}

/** End a subscription; errors are ignored, as a lost connection has ended it already. */
function endSubscription(unsubscribe: (() => unknown) | undefined): void {
  void Promise.resolve(unsubscribe?.()).catch(() => undefined);
}
