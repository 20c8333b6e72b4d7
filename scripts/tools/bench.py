"""Run the benchmarks and print their table: each number beside its bar."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
import logging

from . import (
    bench_dashboard,
    bench_decode,
    bench_flood,
    bench_guard,
    bench_house,
    bench_lasting,
    bench_moonraker,
    bench_running,
    bench_scale,
    bench_store,
    bench_telemetry,
)
from .bench_table import HEADER, Bar


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
        numbers["temperature_bytes"]
    )
    yield Bar("… decoding it, more than parsing it", "µs").row(
        numbers["temperature_extra_us"]
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
    slowest = max(
        (name for name in history if name.endswith("_page_ms")), key=history.__getitem__
    )
    yield Bar(f"The slowest page of history ({slowest})", "ms", "<", 10).row(
        history[slowest]
    )
    yield Bar("Opening and checking the file", "ms").row(history["open_ms"])
    yield Bar("Additional memory", "MB").row(history["memory_mb"])
    yield Bar("Events purged while others were written", "").row(history["purged"])
    yield Bar("… it took", "s").row(history["purge_s"])
    yield Bar("… wait of a write, p99", "ms", "<", 50).row(
        history["purge_write_p99_ms"]
    )
    yield Bar("… longest wait of a write", "ms", "<", 50).row(
        history["purge_write_max_ms"]
    )


def _library() -> Iterator[str]:
    numbers = asyncio.run(bench_store.library())
    yield Bar("Spools in the library", "").row(numbers.pop("spools"))
    slowest = max(numbers, key=numbers.__getitem__)
    yield Bar(f"… the slowest query ({slowest})", "ms", "<", 100).row(numbers[slowest])


def _moonraker() -> Iterator[str]:
    numbers = bench_moonraker.updates()
    for kind, what in (
        ("unread", "Klipper update that no slot depends on"),
        ("weight", "Klipper update of a spool 0.1 g lighter"),
    ):
        yield Bar(what, "B").row(numbers[f"{kind}_bytes"])
        yield Bar("… decoding it, against parsing it", "x", "≤", 2).row(
            numbers[f"{kind}_ratio"]
        )
        yield Bar("… decoding it, more than parsing it", "µs").row(
            numbers[f"{kind}_us"]
        )
    yield Bar("Klipper update for which all slots are decoded again", "µs").row(
        numbers["busy_us"]
    )
    minute = asyncio.run(bench_moonraker.minute())
    yield Bar("50 Klipper printers, 4 updates a second, CPU for a minute", "s").row(
        minute["cpu_s"]
    )
    yield Bar("… CPU an update, connection included", "µs").row(
        minute["per_message_us"]
    )


def _telemetry() -> Iterator[str]:
    numbers = bench_telemetry.telemetry()
    message = asyncio.run(bench_moonraker.minute())["per_message_us"]
    yield Bar("Telemetry of a message", "µs").row(numbers["message_us"])
    yield Bar("… of what a Klipper update costs, connection included", "%", "≤", 2).row(
        100 * numbers["message_us"] / message
    )
    yield Bar("… more where something is logged about it: its ID", "µs").row(
        numbers["id_us"]
    )
    yield Bar("A line of a driver's log, debug logging off", "µs").row(
        numbers["line_us"]
    )
    yield Bar("Reading health and counters", "µs").row(numbers["health_us"])


def _flood() -> Iterator[str]:
    for kind, what in (
        ("bambu", "Bambu reports that change a slot, 10,000/s for 30 s"),
        ("moonraker", "Klipper updates that change a slot, 10,000/s for 30 s"),
        ("pings", "Pings of a Moonraker, 10,000/s for 30 s"),
    ):
        flood = asyncio.run(bench_flood.flood(kind))
        yield Bar(
            f"{what}: longest uninterrupted work on the event loop", "ms", "≤", 50
        ).row(flood["busy_ms"])
        if kind != "pings":
            yield Bar("… messages processed", "/s").row(flood["per_s"])


def _running() -> Iterator[str]:
    for reports, what, bar in (("delta", "small", 0.15), ("full", "full", 0.3)):
        yield Bar(f"A {what} Bambu report, only received, CPU at 10/s", "ms").row(
            asyncio.run(bench_running.reading(reports))
        )
        running = asyncio.run(bench_running.running(reports))
        yield Bar(
            "… in a running Home Assistant, everything included",
            "ms",
            "≤",
            bar,
        ).row(running["report_ms"])
        yield Bar(f"… of {running['entities']} entities written", "", "≤", 0).row(
            running["written"]
        )
        yield Bar("… rows in the recorder", "", "≤", 0).row(running["rows"])
        yield Bar("… commits of the store beyond one a minute", "", "≤", 0).row(
            running["commits"]
        )


def _memory() -> Iterator[str]:
    numbers = asyncio.run(bench_scale.memory())
    entities = f"{numbers['entities']:.0f} entities"
    yield Bar(f"Memory of {entities} of a template integration", "MB").row(
        numbers["template_mb"]
    )
    yield Bar(f"… of a printer with four units, {entities}", "MB", "≤", 2).row(
        numbers["printer_mb"]
    )
    yield Bar("… this printer against them", "x").row(
        numbers["printer_mb"] / numbers["template_mb"]
    )


def _guard() -> Iterator[str]:
    numbers = asyncio.run(bench_guard.guard())
    for name, what, bar in (
        ("report", "All that the driver does with a full Bambu report", 1.05),
        ("health", "A look at the health of a driver", None),
    ):
        yield Bar(what, "µs").row(numbers[name])
        yield Bar(
            "… under the guard of drivers from other components, against it",
            "x",
            "≤" if bar else "",
            bar,
        ).row(numbers[f"guarded_{name}"] / numbers[name])


def _reloads() -> Iterator[str]:
    for kind, what in (
        ("bambu", "a Bambu printer"),
        ("klipper", "a Klipper printer behind a real Moonraker"),
    ):
        numbers = asyncio.run(bench_lasting.reloads(kind))
        reloads = numbers["reloads"]
        yield Bar(
            f"{reloads:.0f} reloads of {what}, connected after it", "", "≥", reloads
        ).row(numbers["ready"])
        yield Bar("… the slowest, until connected", "s").row(numbers["slowest_s"])
        for name in ("tasks", "threads", "sockets", "descriptors"):
            yield Bar(f"… {name} more than before", "", "≤", 0).row(numbers[name])
        yield Bar("… memory that Python needs more than before, a reload", "kB").row(
            numbers["kilobytes"] / reloads
        )


def _available() -> Iterator[str]:
    for fault, reads in asyncio.run(bench_lasting.available()).items():
        for what, answered in (
            (f"Fault for 20 s: {fault}; slots answered", reads.slots),
            ("… history answered", reads.history),
        ):
            yield Bar(f"{what}, of {answered.asked}", "%", "≥", 100).row(
                answered.percent
            )
        slowest = max(reads.slots.slowest, reads.history.slowest)
        yield Bar("… the slowest answer", "ms").row(slowest * 1000)


def _stop() -> Iterator[str]:
    numbers = asyncio.run(bench_scale.stopping())
    yield Bar("Memory of 50 Bambu printers with two units", "MB").row(
        numbers["memory_mb"]
    )
    yield Bar("50 Bambu printers, threads more than without", "", "≤", 5).row(
        numbers["threads"]
    )
    yield Bar("Stopping all integrations without a printer", "ms").row(
        numbers["none_ms"]
    )
    for name, what in (("reachable", ""), ("unreachable", " that do not answer")):
        yield Bar(f"… with 50 printers{what}, longer than that", "ms", "<", 200).row(
            numbers[f"{name}_ms"] - numbers["none_ms"]
        )


def _latency() -> Iterator[str]:
    numbers = asyncio.run(bench_scale.latency())
    yield Bar("10 printers at 10 reports a second, changes", "").row(numbers["changes"])
    yield Bar("… from confirmed to the websocket, p99", "ms", "≤", 10).row(
        numbers["p99_ms"]
    )
    yield Bar("… half of them within", "ms").row(numbers["p50_ms"])
    yield Bar("… at most", "ms").row(numbers["max_ms"])


def _house() -> Iterator[str]:
    for reports, what in (("delta", "small"), ("full", "full")):
        house = asyncio.run(bench_house.house(reports))
        yield Bar(f"100 Bambu printers, {what} reports", "/s").row(house["per_s"])
        yield Bar("… CPU of one core", "%", "<", 5).row(house["core_percent"])
        yield Bar("… CPU a report, connection included", "µs").row(house["cpu_us"])
        yield Bar("… longest uninterrupted work on the event loop", "ms", "≤", 20).row(
            house["busy_ms"]
        )
        yield Bar(
            "… longest delay of the event loop, other work of the machine included",
            "ms",
        ).row(house["stall_ms"])
        yield Bar("… threads", "", "≤", 0).row(house["threads"])
        yield Bar("… stopping all of them", "ms", "<", 200).row(house["stop_ms"])
    yield Bar("Stopping 100 printers that do not answer", "ms", "<", 200).row(
        asyncio.run(bench_house.silent())
    )


def _dashboard() -> Iterator[str]:
    yield Bar("The dashboard's scripts, gzipped", "kB", "≤", 60).row(
        bench_dashboard.bundle_bytes() / 1000
    )
    numbers = asyncio.run(bench_dashboard.dashboard())
    yield Bar("First render of 16 slots, script time", "ms").row(
        numbers["first_ours_ms"]
    )
    yield Bar("… of 16 tile cards", "ms").row(numbers["first_tiles_ms"])
    yield Bar("… this card against it", "x").row(numbers["first_ratio"])
    yield Bar("Update of one of 16 slots, script time", "ms").row(
        numbers["update_ours_ms"]
    )
    yield Bar("… of one of 16 tile cards", "ms").row(numbers["update_tiles_ms"])
    yield Bar("… this card against it", "x").row(numbers["update_ratio"])
    yield Bar("Messages to the dashboard of 50 idle printers", "/s", "≤", 0).row(
        numbers["idle_per_s"]
    )


def _spools() -> Iterator[str]:
    numbers = asyncio.run(bench_dashboard.spools())
    yield Bar(
        "The dialog to assign one of 2,000 spools, script time", "ms", "≤", 100
    ).row(numbers["assign_ms"])
    yield Bar("The view of 2,000 spools, script time", "ms", "≤", 100).row(
        numbers["view_ms"]
    )
    yield Bar("… a search in it", "ms").row(numbers["search_ms"])


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "decode": _decode,
    "moonraker": _moonraker,
    "telemetry": _telemetry,
    "house": _house,
    "flood": _flood,
    "running": _running,
    "guard": _guard,
    "memory": _memory,
    "stop": _stop,
    "latency": _latency,
    "reloads": _reloads,
    "available": _available,
    "store": _store,
    "history": _history,
    "library": _library,
    "dashboard": _dashboard,
    "spools": _spools,
}


def main() -> None:
    """Run the parts named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    wanted = parser.parse_args().parts or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    # Hundreds of printers connect and disconnect.
    logging.disable(logging.WARNING)
    print(HEADER)
    for part in wanted:
        for row in PARTS[part]():
            print(row, flush=True)


if __name__ == "__main__":
    main()
