"""The queue of what is written: one wish a spool, kept, retried, and sent once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.printer_state import Printers
from custom_components.filament_slots.core.tables.schema import TABLES
from custom_components.filament_slots.inventory.base import (
    InventoryError,
    InventoryErrorCode,
    Located,
    WriteResult,
)
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)
from custom_components.filament_slots.location_queue import LocationQueue

from .conformance import InventoryStage
from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer

A3 = '[1,"A",3]'
A4 = '[1,"A",4]'


class Bench:
    """A queue with its inventory, on a server with two spools in a dry box.

    audit: the actions with their spools and results.
    """

    def __init__(self, server: SpoolmanServer, stage: InventoryStage, store: Store):
        """Create the queue; it is not started."""
        self.server = server
        self.stage = stage
        self.store = store
        self.audit: list[tuple[str, int, str]] = []
        self.restart()

    def restart(self) -> None:
        """Create the queue again, as a restart does."""
        services = replace(self.stage.host.services, random=lambda: 0.0)
        inventory = self.stage.inventory
        self.queue = LocationQueue(inventory, services, self.store, "e", self._audit)

    async def _audit(
        self, action: str, details: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        self.audit.append((action, details["spool"], str(result["result"])))

    @property
    def results(self) -> list[str]:
        """The results of the audit."""
        return [result for _, _, result in self.audit]

    @property
    def sent(self) -> list[str]:
        """The locations that were sent."""
        return [
            body["location"] for _, _, body in self.server.written if "location" in body
        ]

    def location(self, spool_id: int = 1) -> str | None:
        """Return where a spool is by the server."""
        found: str | None = self.server.database.row(Entity.SPOOL, spool_id)["location"]
        return found

    def place(self, spool_id: int, location: str | None) -> None:
        """Move a spool on the server, of which no client is informed."""
        self.server.database.row(Entity.SPOOL, spool_id)["location"] = location

    def enter(self, text: str, spool_id: int = 1, slot: str = A3) -> None:
        """Move a spool into a slot."""
        self.queue.enter(self.stage.inventory.spools[spool_id], slot, text)

    def known(self, spool_id: int = 1) -> tuple[int, Any]:
        """Return how a spool that has left is known."""
        return spool_id, self.stage.inventory.spools[spool_id].registered

    async def done(self) -> None:
        """Wait until nothing waits."""
        await self.stage.until(lambda: self.queue.waiting == 0)

    async def reachable(self, is_on: bool) -> None:
        """Switch the server on or off, and wait until that is noticed."""
        await (self.server.start() if is_on else self.server.stop())
        wanted = "running" if is_on else "reconnecting"
        await self.stage.until(lambda: self.stage.status == wanted)
        self.queue.wake()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench with everything running."""
    server = SpoolmanServer()
    for name in ("Jade White", "Silk Gold"):
        server.add_spool(filament={"name": name}, location="Dry box")
    async with server, aiohttp.ClientSession() as session, a_store(tmp_path) as store:
        stage = InventoryStage(SpoolmanInventory, {"url": server.url}, session)
        await stage.run()
        bench = Bench(server, stage, store)
        await bench.queue.start()
        yield bench
        await bench.queue.stop()
        await stage.inventory.stop()


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[Store]:
    """Return an open store."""
    store = Store(folder / "store.db", TABLES, Printers(), lambda state: None)
    await store.open()
    yield store
    await store.close()


async def test_the_latest_wish_of_a_spool_is_sent_once(bench: Bench) -> None:
    await bench.reachable(False)
    for text in ("X1C A1", "X1C A2", "X1C A3"):
        bench.enter(text)

    await bench.reachable(True)
    await bench.done()

    assert bench.sent == ["X1C A3"]
    assert bench.audit == [("write_location", 1, "written")]


async def test_a_location_that_is_there_already_is_not_sent(bench: Bench) -> None:
    bench.place(1, "X1C A3")

    bench.enter("X1C A3")
    await bench.done()

    assert bench.sent == []
    assert bench.results == ["unchanged"]


async def test_what_waits_outlives_a_restart(bench: Bench) -> None:
    await bench.reachable(False)
    bench.enter("X1C A3")
    bench.queue.link(bench.stage.inventory.spools[2], "75886B1D")
    await bench.queue.stop()

    bench.restart()
    assert bench.queue.waiting == 0
    await bench.queue.start()
    assert bench.queue.waiting == 2
    assert [each.spool_id for each in bench.queue.in_slot(A3)] == [1]
    await bench.reachable(True)
    await bench.done()

    assert bench.sent == ["X1C A3"]
    assert bench.audit == [
        ("write_location", 1, "written"),
        ("write_tag", 2, "unsupported"),
    ]


async def test_what_was_written_is_put_back_after_a_restart(bench: Bench) -> None:
    bench.enter("X1C A3")
    await bench.done()
    await bench.queue.stop()
    bench.restart()
    await bench.queue.start()

    bench.queue.put_back(*bench.known())
    await bench.done()
    # It is the owner's again.
    bench.queue.put_back(*bench.known())

    assert bench.location() == "Dry box"
    assert bench.queue.waiting == 0
    assert bench.queue.in_slot(A3) == []


async def test_a_spool_that_was_moved_and_taken_out_in_an_outage_is_left_alone(
    bench: Bench,
) -> None:
    await bench.reachable(False)
    bench.enter("X1C A3")
    bench.queue.put_back(*bench.known())
    bench.queue.put_back(*bench.known())

    await bench.reachable(True)
    await bench.done()

    assert bench.sent == []
    assert bench.location() == "Dry box"


async def test_a_location_whose_answer_was_lost_is_put_back(bench: Bench) -> None:
    bench.enter("X1C A3")
    await bench.done()
    await bench.reachable(False)
    bench.enter("X1C A4", slot=A4)
    # The server has it, and the answer did not arrive.
    bench.place(1, "X1C A4")

    bench.queue.put_back(*bench.known())
    await bench.reachable(True)
    await bench.done()

    assert bench.location() == "Dry box"


async def test_a_location_that_was_stored_before_the_answer_was_lost_is_ours(
    bench: Bench,
) -> None:
    bench.server.failing_write = "stored"
    bench.enter("X1C A3")
    await bench.done()
    await bench.reachable(False)
    bench.enter("X1C A4", slot=A4)
    bench.place(1, "X1C A4")
    await bench.reachable(True)
    await bench.done()
    assert bench.results == ["written", "unchanged"]

    bench.queue.put_back(*bench.known())
    await bench.done()

    assert bench.location() == "Dry box"


async def test_an_error_of_the_server_is_retried_and_holds_up_no_other_spool(
    bench: Bench,
) -> None:
    bench.place(1, "x" * 65)
    bench.enter("X1C A3")
    bench.enter("X1C A4", spool_id=2, slot=A4)
    await bench.stage.until(lambda: bench.queue.waiting == 1)
    assert bench.location(2) == "X1C A4"

    bench.place(1, None)
    await bench.done()

    assert bench.location() == "X1C A3"
    assert bench.sent == ["X1C A4", "X1C A3"]


async def test_an_error_that_is_about_the_server_ends_the_round(bench: Bench) -> None:
    asked: list[int] = []

    async def locate(spool_id: int, *_: object) -> Located:
        asked.append(spool_id)
        if len(asked) < 3:
            raise InventoryError(InventoryErrorCode.CONNECTION_LOST)
        return Located(WriteResult.WRITTEN, None)

    bench.stage.inventory.locate = locate  # type: ignore[method-assign,assignment]
    bench.enter("X1C A3")
    bench.enter("X1C A4", spool_id=2, slot=A4)
    await bench.done()

    assert asked == [1, 1, 1, 2]


async def test_an_error_of_our_own_does_not_end_the_queue(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    locate = bench.stage.inventory.locate

    async def fail(*_: object) -> Located:
        bench.stage.inventory.locate = locate  # type: ignore[method-assign]
        raise RuntimeError("of a test")

    bench.stage.inventory.locate = fail  # type: ignore[method-assign,assignment]
    bench.enter("X1C A3")
    await bench.done()

    assert bench.location() == "X1C A3"
    assert "of a test" in caplog.text


@pytest.mark.parametrize(
    ("meanwhile", "after"),
    [
        (lambda bench: bench.enter("X1C A4", slot=A4), "X1C A4"),
        (lambda bench: bench.queue.put_back(*bench.known()), "Dry box"),
        (lambda bench: bench.queue.leave(*bench.known(), "Shelf"), "Shelf"),
        (lambda bench: bench.queue.gone(*bench.known()), "X1C A3"),
        (lambda bench: bench.queue.forget_locations(), "X1C A3"),
    ],
)
async def test_a_wish_during_a_request_is_the_last(
    bench: Bench, meanwhile: Callable[[Bench], None], after: str
) -> None:
    async def pause(path: str) -> None:
        if bench.server.written or not path.endswith("/spool/1"):
            return
        bench.server.pause = None
        meanwhile(bench)

    bench.server.pause = pause
    bench.enter("X1C A3")
    await bench.stage.until(lambda: bench.server.pause is None)
    await bench.done()
    await bench.stage.let(5)

    assert bench.location() == after


async def test_a_number_that_another_spool_has_meanwhile_is_another_spools(
    bench: Bench,
) -> None:
    spool = bench.stage.inventory.spools[1]
    later = replace(spool, registered=spool.registered.replace(year=2030))

    async def pause(path: str) -> None:
        if path.endswith("/spool/1"):
            bench.server.pause = None
            bench.queue.enter(later, A4, "X1C A4")

    bench.server.pause = pause
    bench.enter("X1C A3")
    await bench.stage.until(lambda: "missing" in bench.results)

    assert bench.results == ["written", "missing"]
    assert bench.location() == "X1C A3"


async def test_what_cannot_be_stored_now_is_stored_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.reachable(False)

    async def fail(*_: object) -> None:
        raise StoreError(Problem.FULL)

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "write", fail)
        bench.enter("X1C A3")
        await bench.stage.let(5)
    await bench.queue.stop()
    bench.restart()
    await bench.queue.start()

    assert bench.queue.waiting == 1


async def test_a_stop_while_it_is_stored_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.reachable(False)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "write", hang)
        bench.enter("X1C A3")
        await bench.stage.let(5)
        stopping = asyncio.create_task(bench.queue.stop())
        await asyncio.sleep(0)
    await stopping
    bench.restart()
    await bench.queue.start()

    assert bench.queue.waiting == 1


async def test_what_the_owner_switches_off_is_forgotten(bench: Bench) -> None:
    await bench.reachable(False)
    bench.enter("X1C A3")
    bench.queue.link(bench.stage.inventory.spools[2], "75886B1D")

    bench.queue.forget_locations()
    bench.queue.forget_tags()
    await bench.queue.stop()
    bench.restart()
    await bench.queue.start()

    assert bench.queue.waiting == 0
    assert bench.queue.in_slot(A3) == []


async def test_where_a_deleted_printer_had_its_spools_is_forgotten(
    bench: Bench,
) -> None:
    """What waits, too; other printers keep theirs."""
    await bench.reachable(False)
    bench.enter("X1C A3", 1, '[1,"u1",3]')
    bench.enter("P1S A3", 2, '[11,"u1",3]')

    bench.queue.forget_printer(1)
    await bench.queue.stop()
    bench.restart()
    await bench.queue.start()

    assert bench.queue.in_slot('[1,"u1",3]') == []
    assert [known.spool_id for known in bench.queue.in_slot('[11,"u1",3]')] == [2]
    assert bench.queue.waiting == 1


async def test_a_queue_that_was_not_started_can_be_stopped(bench: Bench) -> None:
    await bench.queue.stop()
    bench.restart()
    await bench.queue.stop()

    assert bench.queue.waiting == 0


async def test_spools_of_which_nothing_is_known_leave_as_they_are(
    bench: Bench,
) -> None:
    bench.queue.gone(*bench.known())
    bench.queue.put_back(*bench.known())

    assert bench.queue.waiting == 0
    assert bench.queue.slot_of(*bench.known()) is None
    assert not bench.queue.is_ours(bench.stage.inventory.spools[1])
