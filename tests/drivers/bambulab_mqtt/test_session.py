"""The MQTT session against servers that stop, stall and cut packets in two."""

import ast
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
import inspect
import ssl
import threading
from typing import Any

from paho.mqtt import client as paho
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt import (
    session as module,
    tls,
)
from custom_components.filament_slots.drivers.bambulab_mqtt.config import Config
from custom_components.filament_slots.drivers.bambulab_mqtt.requests import PUSHALL
from custom_components.filament_slots.drivers.bambulab_mqtt.session import (
    Session,
    Take,
    open_session,
)
from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from tests.clock import FakeClock
from tests.drivers.fake_host import FakeHost
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_scenarios import x1c

pytestmark = pytest.mark.usefixtures("socket_enabled")

CONNACK = b"\x20\x02\x00\x00"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def printer() -> AsyncIterator[BambuPrinter]:
    """Return a printer that is switched on."""
    async with BambuPrinter(x1c()) as printer:
        yield printer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Return the clock of the session and of paho; no timer may be left."""
    clock = FakeClock()
    monkeypatch.setattr(paho, "time_func", clock.monotonic)
    return clock


@pytest.fixture(autouse=True)
async def nothing_left(clock: FakeClock) -> AsyncIterator[None]:
    """Check that a session leaves no timer and no thread."""
    threads = set(threading.enumerate())
    yield
    assert clock.pending == 0
    left = {thread.name for thread in set(threading.enumerate()) - threads}
    assert not {name for name in left if not name.startswith(("asyncio", "Sync"))}


@asynccontextmanager
async def served(printer: BambuPrinter, serve: Serve) -> AsyncIterator[int]:
    """Serve with the printer's certificate but without its behaviour; return the port.

    `serve` begins once the login has arrived.
    """

    async def welcome(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, EOFError):
            _, size = await reader.readexactly(2)
            await reader.readexactly(size)
            await serve(reader, writer)

    server = await asyncio.start_server(
        welcome, "127.0.0.1", 0, ssl=printer.server_context
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


@asynccontextmanager
async def session_with(
    printer: BambuPrinter, clock: FakeClock, take: Take, **changes: Any
) -> AsyncIterator[Session]:
    """Open a session, subscribed to nothing yet."""
    config = Config.model_validate(printer.config | changes)
    async with open_session(config, FakeHost(clock).services, take) as session:
        yield session


def ignore(report: bytes) -> None:
    """Take a report that no test looks at."""


async def test_a_flood_in_one_tls_record_leaves_the_event_loop_its_turns(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    """A record may hold thousands of packets; few are read in one go."""
    read = 0
    at_once: list[int] = []

    def take(report: bytes) -> None:
        nonlocal read
        read += 1

    async with session_with(printer, clock, take) as session:
        await session.subscribe()
        (client,) = printer.clients
        client.send_raw(b"".join([report_packet(printer, b"x")] * 300))

        async with asyncio.timeout(5):
            while sum(at_once) < 300:
                at_once.append(read)
                read = 0
                await asyncio.sleep(0)

    assert max(at_once) <= 20


async def test_a_session_that_is_closed_in_a_flood_reads_nothing_more(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    taken: list[bytes] = []
    async with session_with(printer, clock, taken.append) as session:
        await session.subscribe()
        (client,) = printer.clients
        client.send_raw(b"".join([report_packet(printer, b"x")] * 300))
        async with asyncio.timeout(5):
            while not taken:
                await asyncio.sleep(0)
    before = len(taken)

    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert len(taken) == before < 300


async def test_reports_of_one_tls_record_are_all_read(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    reports: asyncio.Queue[bytes] = asyncio.Queue()
    async with session_with(printer, clock, reports.put_nowait) as session:
        await session.subscribe()
        (client,) = printer.clients
        record = b"".join(report_packet(printer, f"{n}".encode()) for n in range(50))

        client.send_raw(record)

        async with asyncio.timeout(5):
            received = [await reports.get() for _ in range(50)]
    assert received == [f"{n}".encode() for n in range(50)]


async def test_a_report_that_arrives_in_pieces_is_one_report(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    reports: asyncio.Queue[bytes] = asyncio.Queue()
    async with session_with(printer, clock, reports.put_nowait) as session:
        await session.subscribe()
        (client,) = printer.clients
        for byte in report_packet(printer, b"x" * 200):
            client.send_raw(bytes((byte,)))
            await asyncio.sleep(0)

        async with asyncio.timeout(5):
            assert await reports.get() == b"x" * 200
    assert reports.empty()


async def test_a_report_that_is_cut_off_is_not_taken(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    reports: list[bytes] = []
    async with session_with(printer, clock, reports.append) as session:
        await session.subscribe()
        (client,) = printer.clients
        client.send_raw(report_packet(printer, b"x" * 200)[:-1])
        client.close()

        assert await end_of(session) is ErrorCode.CONNECTION_LOST
    assert reports == []


async def test_a_long_report_is_read_whole(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    reports: asyncio.Queue[bytes] = asyncio.Queue()
    async with session_with(printer, clock, reports.put_nowait) as session:
        await session.subscribe()
        printer.publish_raw(b"x" * 2_500_000)
        printer.publish_raw(b"y")

        async with asyncio.timeout(5):
            assert len(await reports.get()) == 2_500_000
            assert await reports.get() == b"y"


async def test_hanging_up_during_the_login_is_noticed_at_once(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK[:2])
        writer.close()

    async with served(printer, hang_up) as port, asyncio.timeout(5):
        with pytest.raises(DriverError) as caught:
            async with session_with(printer, clock, ignore, port=port):
                pass
    assert caught.value.code is ErrorCode.CONNECTION_LOST


async def test_hanging_up_on_the_subscription_is_noticed_at_once(
    printer: BambuPrinter, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer, "may_subscribe", lambda topic: False)
    async with asyncio.timeout(5), session_with(printer, clock, ignore) as session:
        with pytest.raises(DriverError) as caught:
            await session.subscribe()
    assert caught.value.code is ErrorCode.CONNECTION_LOST


@pytest.mark.parametrize("sent", [b"", CONNACK], ids=["login", "subscription"])
async def test_an_answer_that_does_not_come_times_out(
    printer: BambuPrinter,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
) -> None:
    monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.1)
    async with served(printer, answers(sent)) as port:
        with pytest.raises(DriverError) as caught:
            async with session_with(printer, clock, ignore, port=port) as session:
                await session.subscribe()
    assert caught.value.code is ErrorCode.CONNECTION_TIMEOUT


@pytest.mark.parametrize("sent", [b"", CONNACK], ids=["login", "subscription"])
async def test_waiting_for_an_answer_is_cancelled_at_once(
    printer: BambuPrinter, clock: FakeClock, sent: bytes
) -> None:
    arrived = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        if sent:
            await reader.readexactly(2)
        arrived.set()
        await reader.read()

    async def attempt() -> None:
        async with session_with(printer, clock, ignore, port=port) as session:
            await session.subscribe()

    async with served(printer, stall) as port:
        task = asyncio.create_task(attempt())
        await arrived.wait()
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.cancelled()


async def test_a_connection_without_answers_to_pings_is_closed(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    pinged = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        while await reader.readexactly(2) == PINGREQ:
            pinged.set()

    async with (
        served(printer, stall) as port,
        session_with(printer, clock, ignore, port=port) as session,
        asyncio.timeout(5),
    ):
        ended = asyncio.create_task(end_of(session))
        clock.tick(29)
        await asyncio.sleep(0.02)
        assert not pinged.is_set()
        clock.tick(6)
        await pinged.wait()
        assert not ended.done()
        clock.tick(35)

        assert await ended is ErrorCode.CONNECTION_LOST
    assert clock.monotonic() == 70


async def test_a_connection_that_answers_pings_stays_open(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    pings = 0
    pinged = asyncio.Event()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal pings
        writer.write(CONNACK)
        while await reader.readexactly(2) == PINGREQ:
            pings += 1
            writer.write(PINGRESP)
            pinged.set()

    async with (
        served(printer, answer) as port,
        session_with(printer, clock, ignore, port=port) as session,
        asyncio.timeout(5),
    ):
        ended = asyncio.create_task(end_of(session))
        for _ in range(5):
            pinged.clear()
            clock.tick(35)
            await pinged.wait()
            # The answer is read by the event loop, for which no event is at hand.
            await asyncio.sleep(0.02)
        assert not ended.done()
        ended.cancel()
    assert pings == 5


async def test_closing_a_connection_that_takes_nothing_more_leaves_nothing(
    printer: BambuPrinter, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ssl.SSLSocket] = []
    closed = asyncio.Event()

    async def open_tls(*args: Any) -> ssl.SSLSocket:
        opened.append(await tls.open_tls(*args))
        return opened[0]

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        await closed.wait()

    monkeypatch.setattr(module, "open_tls", open_tls)
    loop = asyncio.get_running_loop()
    async with served(printer, stall) as port:
        async with session_with(printer, clock, ignore, port=port) as session:
            (connection,) = opened
            fd = connection.fileno()
            for _ in range(100):
                session.publish("x" * 200_000)
            await asyncio.sleep(0.05)
        assert connection.fileno() == -1
        assert not loop.remove_reader(fd)
        assert not loop.remove_writer(fd)
        closed.set()


async def test_a_fault_in_what_takes_reports_ends_the_session_with_it(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    calls = 0

    def broken(report: bytes) -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError

    async with session_with(printer, clock, broken) as session:
        await session.subscribe()
        session.publish(PUSHALL)
        with pytest.raises(ZeroDivisionError):
            await session.ended()
        printer.publish({"print": {}})
        await asyncio.sleep(0.02)
    assert calls == 1


async def test_publishing_after_the_end_does_nothing(
    printer: BambuPrinter, clock: FakeClock
) -> None:
    async with session_with(printer, clock, ignore) as session:
        printer.kick()
        assert await end_of(session) is ErrorCode.CONNECTION_LOST
        session.publish(PUSHALL)
    assert printer.requests == []


def test_nothing_private_of_paho_is_used() -> None:
    """A later version of paho may rename it."""
    tree = ast.parse(inspect.getsource(module))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paho")
        for alias in node.names
    }
    assert imported
    assert not [name for name in imported if name.startswith("_")]
    bases = {
        ast.unparse(base)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    assert not bases & imported
    private = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and ast.unparse(node.value) != "self"
    }
    assert private == set()


def answers(sent: bytes) -> Serve:
    """Return what sends this and then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await reader.read()

    return serve


async def end_of(session: Session) -> ErrorCode:
    """Return the code of the error that the session ends with."""
    async with asyncio.timeout(5):
        with pytest.raises(DriverError) as caught:
            await session.ended()
    return caught.value.code


def report_packet(printer: BambuPrinter, payload: bytes) -> bytes:
    """Return a report as it is on the wire."""
    topic = f"device/{printer.hardware.serial}/report".encode()
    body = len(topic).to_bytes(2) + topic + payload
    assert len(body) < 128 * 128
    size = (
        (len(body) % 128 | 128, len(body) // 128) if len(body) > 127 else (len(body),)
    )
    return bytes((0x30, *size)) + body
