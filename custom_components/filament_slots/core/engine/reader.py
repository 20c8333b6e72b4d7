"""The connection for queries: it can only read, and gives way while the file changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
import sqlite3
import threading

from .database_file import connect


class Reader:
    """Opens the file when a query needs it; for any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        """Create it without a connection."""
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; raises what it raises."""
        with self._lock:
            if self._db is None:
                self._db = connect(self._path)
                self._db.execute("PRAGMA query_only = ON")
            return work(self._db)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have no connection in the block; queries wait for its end.

        Connections of one process share locks and the index of the journal: one that
        stays open would pass those of the old file on to the new one.
        """
        with self._lock:
            self._disconnect()
            yield

    def close(self) -> None:
        """Close the connection, if there is one."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
