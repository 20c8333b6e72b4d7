/** The feed of one driver: its status, its log, and its counters over time. */

import type { EntryError, LastError } from "./driver";
import type { Connection } from "./ha";
import { Subscription } from "./subscription";

export const LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface Transition {
  at: string;
  status: string;
  error: string | null;
}

/** Without a time and transitions while the entry is not loaded. */
export interface DriverState {
  status: string;
  since: string | null;
  connected: boolean;
  last_error: LastError | EntryError | null;
  transitions: Transition[];
}

export interface LogLine {
  at: string;
  level: Level;
  message: string;
  correlation_id: string | null;
}

/** A line of the log with its number, which no other line of the feed has. */
export interface NumberedLine extends LogLine {
  number: number;
}

export type Counters = Record<string, number | null>;

export interface Sample {
  /** Milliseconds since 1970. */
  at: number;
  counters: Counters;
}

type Message = { status: DriverState } | { lines: LogLine[] } | { counters: Counters };
type Change = "status" | "lines" | "counters";

export const MOST_LINES = 300;
const MOST_CHARACTERS = 2_000;
/** For how long counters are kept, in milliseconds. */
export const WINDOW = 120_000;
// They come at most once a second, but a clock can be put back.
const MOST_SAMPLES = 150;

export class DriverFeed extends Subscription<Message, Change> {
  status: DriverState | undefined;
  /** The last lines, oldest first. */
  lines: readonly NumberedLine[] = [];
  /** The counters of the last two minutes, oldest first, and those before. */
  samples: readonly Sample[] = [];
  /** The number of the last line. */
  last = 0;
  private least: Level = "info";

  constructor(
    connection: Connection,
    private readonly entry_id: string,
  ) {
    super(connection, "filament_slots/subscribe_driver");
  }

  /** The least level of the lines that are sent. */
  get level(): Level {
    return this.least;
  }

  set level(level: Level) {
    this.least = level;
    this.renew();
  }

  protected override get options() {
    return { entry_id: this.entry_id, lines: MOST_LINES, level: this.least };
  }

  protected override receive(message: Message, first: boolean): Change | undefined {
    // With each subscription the lines are sent again.
    if (first) this.lines = [];
    if ("status" in message) {
      this.status = message.status;
      return first ? undefined : "status";
    }
    if ("lines" in message) {
      this.lines = [...this.lines, ...message.lines.slice(-MOST_LINES).map(this.numbered)].slice(
        -MOST_LINES,
      );
      return "lines";
    }
    this.add({ at: Date.now(), counters: message.counters });
    return "counters";
  }

  protected override clear(): void {
    this.status = undefined;
    this.lines = [];
    this.samples = [];
  }

  private readonly numbered = (line: LogLine): NumberedLine => ({
    ...line,
    message: line.message.slice(0, MOST_CHARACTERS),
    number: ++this.last,
  });

  private add(sample: Sample): void {
    const start = sample.at - WINDOW;
    const within = this.samples.findIndex(({ at }) => at >= start);
    // What was counted in the window is the difference to the last one before it.
    const kept = this.samples.slice(within < 0 ? -1 : Math.max(0, within - 1));
    this.samples = [...kept, sample].slice(-MOST_SAMPLES);
  }
}
