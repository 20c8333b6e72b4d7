"""What waits for the writer: each lane in its order, and news before pictures."""

import asyncio
from pathlib import Path
import sqlite3
import threading
import time
from typing import Any

from hypothesis import given, strategies as st

from custom_components.filament_slots.core.engine.job_queue import MAX_BATCH, Lanes
from custom_components.filament_slots.core.engine.jobs import RETRY_DELAYS, Try
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler

from .conftest import inserted, register, slot, state, unit
from .test_outage import Told, stored


class Job:
    """Has a lane, and may be urgent."""

    def __init__(self, lane: int, urgent: bool, number: int) -> None:
        """Number it."""
        self.lane = lane
        self.urgent = urgent
        self.number = number


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60))
def test_lanes_keep_their_order_and_the_urgent_come_first(
    wanted: list[tuple[int, bool]],
) -> None:
    """A lane with something urgent goes as a whole up to it, never around itself."""
    lanes = Lanes()
    for number, (lane, urgent) in enumerate(wanted):
        lanes.put(Job(lane, urgent, number))  # type: ignore[arg-type]
    lanes.close()
    taken: list[Any] = []
    while (batch := lanes.take()) is not None:
        taken += [attempt.job for attempt in batch]
    assert sorted(job.number for job in taken) == list(range(len(wanted)))
    for lane in range(5):
        numbers = [job.number for job in taken if job.lane == lane]
        assert numbers == sorted(numbers)
    urgent_lanes = {lane for lane, urgent in wanted if urgent}
    kinds = [job.lane in urgent_lanes for job in taken]
    assert kinds == sorted(kinds, reverse=True)
    assert lanes.depth == 0


def test_a_batch_is_bounded_and_what_failed_waits_with_its_lane() -> None:
    """Until it is due; the others go on."""
    lanes = Lanes()
    for number in range(MAX_BATCH + 1):
        lanes.put(Job(1, False, number))  # type: ignore[arg-type]
    batch = lanes.take()
    assert batch is not None
    assert len(batch) == MAX_BATCH
    for attempt in batch:
        attempt.charge(ValueError())
    lanes.put_back(batch[:2])
    lanes.put(Job(2, False, -1))  # type: ignore[arg-type]
    now = time.monotonic()
    assert [attempt.job.number for attempt in lanes.take(now) or ()] == [-1]  # type: ignore[attr-defined]
    again = lanes.take(now + 5)
    assert time.monotonic() - now >= RETRY_DELAYS[0] * 0.9
    assert [attempt.job.number for attempt in again or ()] == [0, 1, MAX_BATCH]  # type: ignore[attr-defined]
    assert isinstance(batch[0], Try)


async def test_news_overtakes_the_pictures_of_other_printers(
    store: Store, handler: EventHandler
) -> None:
    """But never an event of its own printer."""
    other = await register(handler, "OTHER")
    order: list[str] = []
    for printer_id in (1, other):
        handler.subscribe(printer_id, lambda event, _: order.append(event["event_id"]))
    gate = threading.Event()
    slow = asyncio.create_task(store.write(lambda db: gate.wait(10)))
    await asyncio.sleep(0.05)
    for number in range(3):
        handler.put(
            state(unit(1, slot(1, number % 2 == 0)), event_id=f"PICTURE{number}")
        )
    handler.put(state(unit(1, slot(1, True)), event_id="FIRST") | {"printer_id": other})
    handler.put(inserted(1, 2, event_id="NEWS") | {"printer_id": other})
    await asyncio.sleep(0.05)
    gate.set()
    await slow
    await handler.drain()
    assert order == ["FIRST", "NEWS", "PICTURE0", "PICTURE1", "PICTURE2"]


async def test_a_held_store_writes_nothing_and_then_everything(
    store: Store, handler: EventHandler, path: Path
) -> None:
    """All that was committed is in the one file, which does not change meanwhile."""
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await store.hold(30)
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    told = Told(handler)
    waiting = asyncio.create_task(
        handler.handle_printer_event(inserted(1, 2, event_id="B"))
    )
    await asyncio.sleep(0.1)
    assert told.ids == []
    store.release()
    await waiting
    assert told.ids == ["B"]


async def test_a_hold_ends_by_itself_and_with_the_store(
    store: Store, handler: EventHandler, path: Path
) -> None:
    """Whoever asked for it may never come back; the file stays as it is all the same."""
    await store.hold(0.1)
    before = await asyncio.to_thread(path.read_bytes)
    for number in range(3000):
        handler.put(inserted(1, number % 4 + 1, tag="A"))
    await handler.drain()
    assert await asyncio.to_thread(path.read_bytes) == before
    store.release()
    await store.hold(60)
    handler.put(inserted(1, 1, event_id="LAST"))
    await asyncio.sleep(0)
    await store.close()
    again = Store(path)
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
    await store.hold(0.05)
    await asyncio.sleep(0.1)
    data = await asyncio.to_thread(path.read_bytes)
    await asyncio.sleep(0.2)
    wal = await asyncio.to_thread(path.with_name(path.name + "-wal").read_bytes)
    running = False
    await loading
    store.release()
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
