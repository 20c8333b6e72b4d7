"""The queue of the writer: order by key, fairness, bounds, and holding."""

import asyncio
from pathlib import Path
import sqlite3
import time
from unittest.mock import patch

from hypothesis import given, strategies as st

from custom_components.filament_slots.core.engine import job_queue
from custom_components.filament_slots.core.engine.job_queue import MAX_BATCH, JobQueue
from custom_components.filament_slots.core.engine.jobs import RETRY_DELAYS, Failure, Job
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler

from .conftest import inserted, new_store
from .test_outage import Published, stored


class Numbered(Job):
    """A job that is known by a number."""

    def __init__(self, key: int, number: int, *, dispensable: bool = False) -> None:
        """Number it."""
        super().__init__(key, dispensable=dispensable)
        self.number = number
        self.refused = False

    def run(self, db: sqlite3.Connection) -> None:
        """Do nothing."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def refuse(self) -> None:
        """Note it, and wait for no other."""
        self.refused = True
        self.key = None


def numbers(batch: list[Job] | None) -> list[int]:
    """Return the numbers of a batch."""
    return [job.number for job in batch or () if isinstance(job, Numbered)]


@given(st.lists(st.integers(0, 4), max_size=60))
def test_jobs_of_a_key_keep_their_order(keys: list[int]) -> None:
    """Whatever the others do, and none is lost."""
    queue = JobQueue()
    for number, key in enumerate(keys):
        queue.put(Numbered(key, number))
    queue.close()
    taken: list[int] = []
    with patch.object(job_queue, "MAX_BATCH", 7):
        while (batch := queue.take()) is not None:
            taken += numbers(batch)
    assert sorted(taken) == list(range(len(keys)))
    for key in range(5):
        of_key = [number for number in taken if keys[number] == key]
        assert of_key == sorted(of_key)


def test_a_batch_is_bounded_and_what_failed_waits_with_its_key() -> None:
    """Until it is due; other keys continue."""
    queue = JobQueue()
    for number in range(MAX_BATCH + 1):
        queue.put(Numbered(1, number))
    batch = queue.take()
    assert batch is not None
    assert len(batch) == MAX_BATCH
    for job in batch:
        job.charge(ValueError())
    queue.put_back(batch[:2])
    queue.put(Numbered(2, -1))
    now = time.monotonic()
    assert numbers(queue.take(now)) == [-1]
    again = queue.take(now + 5)
    assert time.monotonic() - now >= RETRY_DELAYS[0] * 0.9
    assert numbers(again) == [0, 1, MAX_BATCH]


def test_a_key_with_many_jobs_does_not_delay_the_others() -> None:
    """After a batch it waits behind them."""
    queue = JobQueue()
    for number in range(2 * MAX_BATCH):
        queue.put(Numbered(1, number))
    queue.put(Numbered(2, -1))
    queue.take()
    assert numbers(queue.take())[0] == -1


def test_of_too_many_jobs_of_a_key_the_oldest_dispensable_is_refused() -> None:
    """Without one it is the newest; other keys have a bound of their own."""
    queue = JobQueue()
    with patch.object(job_queue, "QUEUE_LIMIT", 3):
        jobs = [
            Numbered(1, number, dispensable=number in (1, 2)) for number in range(6)
        ]
        for job in (*jobs, Numbered(2, -1)):
            queue.put(job)
    assert [job.number for job in jobs if job.refused] == [1, 2, 5]
    assert numbers(queue.take()) == [0, 3, 4, 1, 2, 5, -1]


async def test_a_held_store_writes_nothing_and_then_everything(
    store: Store, handler: EventHandler, path: Path
) -> None:
    """All that was committed is in the one file, which does not change meanwhile."""
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await store.writer.hold(30)
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    published = Published(handler)
    waiting = asyncio.ensure_future(
        handler.handle_printer_event(inserted(1, 2, event_id="B"))
    )
    await asyncio.sleep(0.1)
    assert published.ids == []
    store.writer.release()
    await waiting
    assert published.ids == ["B"]


async def test_a_hold_ends_by_itself_and_with_the_store(
    store: Store, handler: EventHandler, path: Path
) -> None:
    """The caller may never release it; the file stays unchanged until it does."""
    await store.writer.hold(0.1)
    before = await asyncio.to_thread(path.read_bytes)
    for number in range(3000):
        handler.put(inserted(1, number % 4 + 1, tag="A"))
    await handler.drain()
    assert await asyncio.to_thread(path.read_bytes) == before
    store.writer.release()
    await store.writer.hold(60)
    handler.put(inserted(1, 1, event_id="LAST"))
    await asyncio.sleep(0)
    await store.close()
    again = new_store(path)
    await again.open()
    assert (await stored(again))[-1] == "LAST"
    await again.close()


async def test_a_copy_made_under_load_is_whole(
    store: Store, handler: EventHandler, path: Path, tmp_path: Path
) -> None:
    """As a backup is: the file first, its journal later, while events are written."""
    copy = tmp_path / "copy.db"
    running = True
    emitted: list[str] = []

    async def load() -> None:
        while running:
            for _ in range(10):
                emitted.append(f"E{len(emitted)}")
                handler.put(
                    inserted(1, len(emitted) % 4 + 1, tag="A", event_id=emitted[-1])
                )
            await asyncio.sleep(0.01)

    loading = asyncio.create_task(load())
    await asyncio.sleep(0.3)
    await store.writer.hold(0.05)
    await asyncio.sleep(0.1)
    data = await asyncio.to_thread(path.read_bytes)
    await asyncio.sleep(0.2)
    wal = await asyncio.to_thread(path.with_name(path.name + "-wal").read_bytes)
    running = False
    await loading
    store.writer.release()
    await handler.drain()
    await asyncio.to_thread(copy.write_bytes, data)
    # The copy of a journal may end anywhere.
    await asyncio.to_thread(copy.with_name("copy.db-wal").write_bytes, wal[:-1000])
    db = sqlite3.connect(copy)
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    (events,) = db.execute("SELECT count(*) FROM slot_events").fetchone()
    assert db.execute("SELECT count(*) FROM event_slots").fetchone() == (events,)
    db.close()
    assert 100 < events < len(emitted)
    assert len(await stored(store)) == len(emitted)
