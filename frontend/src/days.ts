/** Groups events by day in the user's time zone, and formats days and ages. */

export interface Day<T> {
  /** `2026-11-20` */
  day: string;
  entries: T[];
}

/** Group sorted entries by day; the order is kept. */
export function byDay<T>(
  sorted: readonly T[],
  timeOf: (entry: T) => string,
  timeZone: string,
): Day<T>[] {
  const days: Day<T>[] = [];
  for (const entry of sorted) {
    const day = dayOf(timeOf(entry), timeZone);
    const last = days.at(-1);
    if (last?.day === day) last.entries.push(entry);
    else days.push({ day, entries: [entry] });
  }
  return days;
}

export function dayOf(at: string | Date, timeZone: string): string {
  // The Swedish locale formats dates as ISO 8601.
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" }).format(new Date(at));
}

/** The instant at which a day begins in a time zone. */
export function startOf(day: string, timeZone: string): Date {
  const utc = Date.parse(day);
  // Twice, as the offset may change between midnight in UTC and midnight there.
  const guess = utc - offsetAt(utc, timeZone);
  const start = new Date(utc - offsetAt(guess, timeZone));
  // Where the clock is put forward at midnight, the day begins an hour later.
  return dayOf(start, timeZone) < day ? new Date(start.getTime() + 3_600_000) : start;
}

/** How far the clocks of a time zone are ahead of UTC at a time, in milliseconds. */
function offsetAt(at: number, timeZone: string): number {
  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "medium",
  }).format(at);
  return Date.parse(`${clock.replace(" ", "T")}Z`) - at;
}

/** "Today", "Yesterday" or the date, in the user's language. */
export function dayName(day: string, now: Date, timeZone: string, language: string): string {
  const ago = Math.round((Date.parse(dayOf(now, timeZone)) - Date.parse(day)) / 86_400_000);
  const name =
    ago === 0 || ago === 1
      ? new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-ago, "day")
      : new Intl.DateTimeFormat(language, {
          timeZone: "UTC",
          weekday: "long",
          day: "numeric",
          month: "long",
          ...(day.slice(0, 4) === dayOf(now, timeZone).slice(0, 4) ? {} : { year: "numeric" }),
        }).format(new Date(day));
  return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
}

/** The name of one day or of consecutive ones: "22 – 24 November" */
export function daysName(
  first: string,
  last: string,
  now: Date,
  timeZone: string,
  language: string,
): string {
  if (first === last) return dayName(first, now, timeZone, language);
  return new Intl.DateTimeFormat(language, {
    timeZone: "UTC",
    day: "numeric",
    month: "long",
    ...(first.slice(0, 4) === dayOf(now, timeZone).slice(0, 4) ? {} : { year: "numeric" }),
  }).formatRange(new Date(first), new Date(last));
}

/** "5 minutes ago" */
export function ago(at: string, now: Date, language: string): string {
  const seconds = (Date.parse(at) - now.getTime()) / 1000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(
    Math.round(seconds / length),
    unit,
  );
}
