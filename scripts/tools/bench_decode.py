"""Benchmark: decoding a report, against `orjson.loads` of the same bytes in the same run."""

from copy import deepcopy
import logging
from typing import Any

import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import X1C, Kind, bambu_spool

from .bench_rig import cost


def bambu() -> dict[str, float]:
    """Return the cost of Bambu reports that change nothing.

    full_ratio: a full report of 17 slots, as a multiple of parsing it.
    delta_extra_us: a delta without slots, in microseconds more than parsing it.
    temperature_extra_us: a delta with all units in which a temperature changed, likewise.
    """
    full, delta, temperatures = _reports()
    decoder = ReportDecoder(logging.getLogger(__name__))
    decoder.feed(full)
    (full_parse, full_feed) = cost(
        lambda: orjson.loads(full), lambda: decoder.feed(full)
    )
    (delta_parse, delta_feed) = cost(
        lambda: orjson.loads(delta), lambda: decoder.feed(delta)
    )
    warm, cool = temperatures
    (pair_parse, pair_feed) = cost(
        lambda: (orjson.loads(warm), orjson.loads(cool)),
        lambda: (decoder.feed(warm), decoder.feed(cool)),
    )
    return {
        "full_bytes": len(full),
        "full_ratio": full_feed / full_parse,
        "delta_bytes": len(delta),
        "delta_extra_us": (delta_feed - delta_parse) * 1e6,
        "temperature_bytes": len(warm),
        "temperature_extra_us": (pair_feed - pair_parse) / 2 * 1e6,
    }


def _reports() -> tuple[bytes, bytes, tuple[bytes, bytes]]:
    """Return a full report, a delta without slots, and two that differ in a temperature."""
    printer = VirtualBambu(X1C)
    for unit in range(4):
        printer.add_unit(
            Kind.PRO, unit, *(bambu_spool(unit * 4 + tray) for tray in range(4))
        )
    printer.add_unit(Kind.HT, 128, bambu_spool(99))
    full = printer.report_full()
    delta = {
        "print": {
            "command": "push_status",
            "msg": 1,
            "sequence_id": "2021",
            "nozzle_temper": 219.96875,
            "bed_temper": 55.03125,
            "wifi_signal": "-52dBm",
            "fan_gear": 13107200,
            "mc_percent": 42,
        }
    }
    warm = {"print": {"command": "push_status", "msg": 1, "ams": full["print"]["ams"]}}
    cool: dict[str, Any] = deepcopy(warm)
    cool["print"]["ams"]["ams"][0]["temp"] = "31.0"
    return (
        orjson.dumps(full),
        orjson.dumps(delta),
        (orjson.dumps(warm), orjson.dumps(cool)),
    )
