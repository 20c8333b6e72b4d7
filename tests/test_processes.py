"""What tests and the demo start ends with them, however they end."""

from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = Path(__file__).parents[1]
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys
from tests.printers.processes import ended_with_us
# The child prints its own id: `setpriv` has done its part by then.
subprocess.Popen(ended_with_us([sys.executable, "-c", {CHILD!r}])).wait()
"""


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_ends_with_the_one_that_started_it(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _runs(child)

        parent.send_signal(how)
        parent.wait()

    ends = time.monotonic() + 10
    while _runs(child) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not _runs(child)
