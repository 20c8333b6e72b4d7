"""One SQLite file: one writer, one reader, neither on the event loop."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import sqlite3

from .database_file import Tables, rename
from .errors import Problem, StoreError, StoreState, raising_store_errors
from .jobs import Call, Job
from .reader import Reader
from .transactions import Memory
from .writer import Writer


class Store:
    """The file; every write is answered after its commit.

    changed: called on the event loop when the state has changed.
    """

    def __init__(
        self,
        path: Path,
        tables: Tables,
        memory: Memory,
        changed: Callable[[StoreState], None],
    ) -> None:
        """Create a store that is not open yet."""
        self.path = path
        self._tables = tables
        self._memory = memory
        self._changed = changed
        self._writer: Writer | None = None
        self._closed = False
        self._reader = Reader(path)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="filament_slots_read")

    @property
    def writer(self) -> Writer:
        """The writer, with its state and counters; raises StoreError before opening."""
        if self._writer is None:
            raise StoreError(Problem.CLOSED)
        return self._writer

    async def open(self) -> None:
        """Open the file, create or migrate its tables, and start the writer.

        A damaged file is set aside and replaced by a new one. Raises StoreError where it
        cannot be opened; a file of a newer version (newer) is left untouched.
        """
        self._writer = Writer(
            self.path, self._tables, self._memory, self._reader, self._changed
        )
        try:
            with raising_store_errors():
                await self._writer.opened
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Write the waiting jobs, then end all threads and close the file; idempotent."""
        if self._writer is None:
            return
        await self._writer.close()
        if not self._closed:
            self._closed = True
            # A query that had to wait may have opened it again.
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._readers, self._reader.close)
            self._readers.shutdown()

    def submit(self, job: Job) -> None:
        """Queue a job; raises StoreError (closed) once the store is closing."""
        self.writer.queue.put(job)

    async def write[T](
        self, work: Callable[[sqlite3.Connection], T], key: Hashable = None
    ) -> T:
        """Run work in a transaction; return its result once it is committed.

        key: of the jobs that it has to follow. Raises what the work raised at its last try, database errors as StoreError.
        """
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.submit(Call(work, result, key))
        return await result

    async def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection that can only read, off the event loop.

        Raises what the work raises, database errors as StoreError.
        """
        writer = self.writer
        if writer.queue.closing:
            raise StoreError(Problem.CLOSED)
        try:
            with raising_store_errors():
                return await asyncio.get_running_loop().run_in_executor(
                    self._readers, self._reader.read, work
                )
        except StoreError as err:
            if err.code is Problem.DAMAGED:
                writer.suspect(err)
            raise

    async def rename(self, file: Path, name: str) -> None:
        """Rename a file beside the store, off the event loop; raises StoreError."""
        loop = asyncio.get_running_loop()
        target = file.with_name(name)
        with raising_store_errors():
            await loop.run_in_executor(self._readers, rename, file, target)
