"""Runs the benchmarks and prints their table, each number beside its bar."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import operator

from . import bench_decode, bench_store


@dataclass(frozen=True)
class Bar:
    """What a number is held to: `number operation bar`."""

    what: str
    unit: str
    sign: str = ""
    bar: float | None = None

    def row(self, number: float) -> str:
        """Return the line of the table."""
        if self.bar is None:
            return f"| {self.what} | {number:,.4g} {self.unit} | | |"
        met = {"≤": operator.le, "≥": operator.ge, "<": operator.lt}[self.sign]
        verdict = "met" if met(number, self.bar) else "MISSED"
        bar = f"{self.sign} {self.bar:,.4g} {self.unit}"
        return f"| {self.what} | {number:,.4g} {self.unit} | {bar} | {verdict} |"


def _decode() -> Iterator[str]:
    numbers = bench_decode.bambu()
    yield Bar("Bambu full report that changes nothing", "B").row(numbers["full_bytes"])
    yield Bar("… decoding it, against parsing it", "x", "≤", 1.5).row(
        numbers["full_ratio"]
    )
    yield Bar("Bambu delta without slots", "B").row(numbers["delta_bytes"])
    yield Bar("… decoding it, more than parsing it", "µs", "≤", 5).row(
        numbers["delta_extra_us"]
    )
    yield Bar("Bambu delta in which one temperature changed", "B").row(
        numbers["climate_bytes"]
    )
    yield Bar("… decoding it, more than parsing it", "µs").row(
        numbers["climate_extra_us"]
    )


def _store() -> Iterator[str]:
    events = asyncio.run(bench_store.durable_events())
    yield Bar("Bare sqlite3 loop, the same statements", "events/s").row(
        events["bare_per_s"]
    )
    yield Bar("Durable events one by one, against it", "x", "≥", 0.5).row(
        events["one_by_one_ratio"]
    )
    yield Bar("Durable events under load", "events/s", "≥", 10_000).row(
        events["under_load_per_s"]
    )
    latency = asyncio.run(bench_store.latency())
    yield Bar("Emit to published at 1,000 events/s, p99", "ms", "<", 20).row(
        latency["p99_ms"]
    )


def _history() -> Iterator[str]:
    history = asyncio.run(bench_store.history())
    yield Bar("An event on disk, a million stored", "B", "≤", 400).row(
        history.pop("bytes_per_event")
    )
    slowest = max(history, key=lambda page: history[page])
    yield Bar(f"The slowest page of history ({slowest})", "ms", "<", 10).row(
        history[slowest]
    )


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "decode": _decode,
    "store": _store,
    "history": _history,
}


def main() -> None:
    """Measure what the command line names, or everything."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    wanted = parser.parse_args().parts or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print("| what | measured | bar | |\n|---|---|---|---|")
    for part in wanted:
        for row in PARTS[part]():
            print(row, flush=True)


if __name__ == "__main__":
    main()
