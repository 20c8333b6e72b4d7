"""The faults that the store must survive, made on purpose."""

from pathlib import Path
import subprocess
import sys

from scripts.tools.faults import DAMAGES

ROOT = Path(__file__).parents[2]


def test_published_events_survive_every_fault() -> None:
    """Killed, locked, full, deleted, damaged, in a burst: all is there, once."""
    run = subprocess.run(
        [
            sys.executable,
            *("-m", "scripts.tools.faults"),
            *("--kills", "6", "--lock", "1.5", "--burst", "10000", "--damages", "2"),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("\n") == 8 + len(DAMAGES)
