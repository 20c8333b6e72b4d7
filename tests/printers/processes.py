"""Processes that end with the one that started them."""

from collections.abc import Sequence
from pathlib import Path
import shutil


def ended_with_us(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command of a process that is killed when this one ends, however it does.

    Without `setpriv` (not on Linux) it is the command as it is.
    """
    if setpriv := shutil.which("setpriv"):
        return [setpriv, "--pdeathsig", "KILL", *command]
    return [*command]
