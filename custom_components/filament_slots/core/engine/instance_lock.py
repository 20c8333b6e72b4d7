"""A lock on a file beside the database: one process at a time uses its folder."""

import fcntl
import logging
import os
from pathlib import Path

from .errors import Problem, StoreError

_LOGGER = logging.getLogger(__name__)


class InstanceLock:
    """The lock, which the operating system releases when the process ends.

    The file is never deleted: two processes could then hold locks on two files of one
    name. It is not the database itself, as closing another descriptor of that would
    release SQLite's locks.
    """

    def __init__(self, path: Path) -> None:
        """Create it for the lock file at the path; not acquired yet."""
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or keep it; where the folder is another one now, take that one's.

        On a file system without locks nothing is locked. Raises StoreError (in_use) where
        another process holds it; OSError where the file cannot be opened.
        """
        if self._descriptor is not None and self._is_in_place(self._descriptor):
            return
        self.release()
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(
                Problem.IN_USE, f"another process holds {self._path}"
            ) from None
        except OSError as err:
            _LOGGER.debug("%s cannot be locked: %s", self._path, err)
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, flags, 0o600)

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError, NotADirectoryError:
            return False
