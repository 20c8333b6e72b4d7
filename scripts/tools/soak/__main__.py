"""Run scenarios, each in a Home Assistant of its own, and print a line for each.

Without a name all of them are run, but for `random`.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
import sys
import tempfile
import time
import traceback
from typing import Final

from tests.e2e.hass import HomeAssistant

from .backups import backup, restore
from .disk import isolate
from .faulty_parts import certificate, clock, read_only
from .instances import two_instances, unreachable
from .random_run import random_run
from .verdict import Verdict

_SCENARIOS: Final[Mapping[str, Callable[[Path], Awaitable[Verdict]]]] = {
    "backup": backup,
    "restore": restore,
    "clock": clock,
    "two-instances": two_instances,
    "unreachable": unreachable,
    "certificate": certificate,
    "read-only": read_only,
}
# Of the log, where a scenario does not run to its end.
_LINES: Final = 60
# Of one scenario, whatever happens in it.
_DEADLINE: Final = 900.0


def main() -> int:
    """Run what was asked for; return how many scenarios failed."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO")
    parser.add_argument("--minutes", type=float, default=30, help="of `random`")
    parser.add_argument("--seed", type=int, default=1, help="of `random`")
    how = parser.parse_args()
    # On a busy machine.
    HomeAssistant.start_timeout = 600.0
    if how.scenario == ["random"]:
        isolate()
        return int(not asyncio.run(_run_random(how.minutes, how.seed)))
    names = how.scenario or [*_SCENARIOS]
    if unknown := set(names) - _SCENARIOS.keys():
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(_SCENARIOS)}")
    isolate()
    return sum(not asyncio.run(_run(name)) for name in names)


async def _run_random(minutes: float, seed: int) -> bool:
    with _temporary() as temporary:
        folder = Path(temporary) / "config"
        folder.mkdir()
        async with asyncio.timeout(minutes * 60 + 2 * _DEADLINE):
            return await random_run(folder, minutes, seed)


async def _run(name: str) -> bool:
    """Run a scenario in a folder of its own; return whether it passed."""
    began = time.monotonic()
    with _temporary() as temporary:
        folder = Path(temporary) / "config"
        folder.mkdir()
        try:
            async with asyncio.timeout(_DEADLINE):
                verdict = await _SCENARIOS[name](folder)
        except Exception:  # noqa: BLE001 - the next scenario has to run
            traceback.print_exc()
            for log in folder.rglob("console.log"):
                print(*log.read_text(errors="replace").splitlines()[-_LINES:], sep="\n")
            verdict = Verdict()
            verdict.check(False, "it ran to its end")
    print(f"{verdict.line(name)} ({time.monotonic() - began:.0f} s)", flush=True)
    return verdict.passed


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(
        prefix="filament-slots-", ignore_cleanup_errors=True
    )


if __name__ == "__main__":
    sys.exit(main())
