"""What tests and the demo start ends with them, however they end."""

from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = Path(__file__).parents[1]
PARENT = """
import subprocess, sys
from tests.printers.processes import ended_with_us, unprivileged
# The child prints its own id: `setpriv` has done its part by then.
command = ended_with_us(["sh", "-c", "echo $$; exec sleep 60"])
subprocess.Popen(unprivileged(command) if sys.argv[1] == "another" else command).wait()
"""


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("user", ["the same", "another"])
def test_a_process_ends_with_the_one_that_started_it(
    how: signal.Signals, user: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, user],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
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
