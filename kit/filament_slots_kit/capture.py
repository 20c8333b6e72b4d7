"""Record a printer: run its driver for a while, and write the capture.

    python -m filament_slots_kit.capture custom_components.spool_box.driver \
        --seconds 60 --output box.json host=192.0.2.7 code=...

The capture holds what the decoder reads; look through it before you publish it.
"""

import argparse
import asyncio
from importlib import import_module
import json
from pathlib import Path
import sys
from typing import Any

import aiohttp

from .drivers.fake_host import FakeHost


async def capture(module: str, seconds: float, config: dict[str, Any]) -> Any:
    """Return the capture of a driver that ran for so many seconds."""
    async with aiohttp.ClientSession() as session:
        host = FakeHost(session=session)
        driver = import_module(module).Driver(1, config, host.emitter, host.services)
        await driver.start()
        await asyncio.sleep(seconds)
        await driver.stop()
        print(json.dumps(driver.health()), file=sys.stderr)
        return driver.capture()


def main(arguments: list[str] | None = None) -> int:
    """Record the printer named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m filament_slots_kit.capture")
    parser.add_argument("module", help="with the class Driver")
    parser.add_argument("config", nargs="*", metavar="FIELD=VALUE")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    config = dict(field.split("=", 1) for field in options.config)
    recorded = asyncio.run(capture(options.module, options.seconds, config))
    options.output.write_text(json.dumps(recorded, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
