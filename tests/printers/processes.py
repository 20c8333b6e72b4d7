"""Processes that end with the one that started them."""

from collections.abc import Sequence
import os
from pathlib import Path
import shutil

# The user and the group without any rights.
UNPRIVILEGED = 65534


def ended_with_us(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command of a process that is killed when this one ends, however it does.

    Without `setpriv` (not on Linux) it is the command as it is.
    """
    if setpriv := shutil.which("setpriv"):
        return [setpriv, "--pdeathsig", "KILL", *command]
    return [*command]


def unprivileged(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command as root runs it as a user without rights; PostgreSQL refuses root.

    To go around `ended_with_us`: a change of the user would undo that.
    """
    if os.geteuid() != 0:
        return [*command]
    user = str(UNPRIVILEGED)
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]
