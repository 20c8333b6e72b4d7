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
