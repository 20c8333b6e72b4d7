"""The driver against a real TLS server on the loopback: sessions, errors, an end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import hashlib
import json
import logging
import socket
import ssl
import threading
from typing import Any

from pydantic import ValidationError
import pytest

from custom_components.filament_slots.core.slot_state import PrinterSlots, apply
from custom_components.filament_slots.drivers.bambulab_mqtt import (
    driver as driver_module,
    session as session_module,
    tls,
)
from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from custom_components.filament_slots.drivers.base import (
    DriverError,
    ErrorCode,
    EventEmitter,
)
from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.message import correlation_id
from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.drivers.tracking.tracker import SlotTracker
from custom_components.filament_slots.model import parse_event
from tests.clock import SOON, FakeClock
from tests.drivers.fake_host import FakeHost
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_scenarios import BLUE, WHITE, a1_mini, x1c
from tests.printers.certificates import make_certificate
from tests.printers.mqtt_server import SERVER_UNAVAILABLE

pytestmark = pytest.mark.usefixtures("socket_enabled")

OTHER_SERIAL = "01P09A000000099"


class Rig:
    """A driver, its printer and the host they run in.

    The network is real, the driver's clock is not: what it waits for by design comes
    when a test lets the time pass.
    """

    def __init__(self, printer: BambuPrinter) -> None:
        self.printer = printer
        self.clock = FakeClock()
        self.fake_host = FakeHost(self.clock)
        self.driver: Driver | None = None

    async def start(self, **changes: Any) -> None:
        self.driver = Driver(
            1,
            self.printer.config | changes,
            self.fake_host.emitter,
            self.fake_host.services,
        )
        await self.driver.start()

    async def stop(self) -> None:
        if self.driver is not None:
            await self.driver.stop()

    @property
    def health(self) -> Health:
        assert self.driver is not None
        return self.driver.health()

    @property
    def code(self) -> str | None:
        error = self.health["last_error"]
        return error["code"] if error else None

    @property
    def happened(self) -> list[str]:
        return [event["event_type"] for event in self.fake_host.events]

    async def until(self, condition: Callable[[], bool], pace: float = 0) -> None:
        """Wait, with the clock going `pace` seconds forward for each look.

        It stands still while the driver connects, which takes real time, and until what
        a timer set off has been done: the clock shows when the condition came true.
        """
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)
                if self.health["connected"] or self.health["next_retry_in"] is not None:
                    await self._move_on(pace)

    async def _move_on(self, seconds: float) -> None:
        due = self.clock.next_in
        if due is not None and due <= seconds:
            await self.clock.advance(seconds)
        else:
            self.clock.tick(seconds)

    async def running(self, pace: float = 0) -> None:
        await self.until(lambda: self.health["status"] == "running", pace)

    async def fails(self, code: ErrorCode, pace: float = 0) -> None:
        await self.until(lambda: self.code == code, pace)
        assert self.health["status"] in {"reconnecting", "auth_failed"}
        assert not self.health["connected"]

    def asked(self, kind: str) -> int:
        """Return how often the printer was asked this."""
        return sum(kind in request for request in self.printer.requests)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Return a printer that is switched on; nothing may be left at the end."""
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with BambuPrinter(x1c()) as printer:
        rig = Rig(printer)
        yield rig
        await rig.stop()
        assert rig.clock.pending == 0
        await rig.until(lambda: not printer.clients)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
    # Certificates are loaded in the pool that asyncio keeps.
    left = {thread.name for thread in set(threading.enumerate()) - threads}
    assert not {name for name in left if not name.startswith(("asyncio", "Sync"))}


async def test_the_first_state_has_the_id_of_the_message_that_completes_it(
    rig: Rig,
) -> None:
    pairs: list[tuple[str, str | None]] = []
    rig.fake_host.emitter = EventEmitter(
        lambda event: pairs.append((event["meta"]["correlation_id"], correlation_id()))
    )

    await rig.start()
    await rig.until(lambda: bool(pairs), pace=0.5)

    about, processed = pairs[0]
    assert about == processed
    assert rig.health["counters"]["bytes_held"] > 0


async def test_it_reads_the_printer_and_emits_events(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.health["connected"]
    assert rig.health["versions"]["model"] == "X1-Carbon"
    assert rig.health["circuit"] == "closed"

    await rig.printer.play(rig.printer.hardware.insert(1, 3, WHITE), speed=1000)
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)

    events = rig.fake_host.events
    inserted = next(e for e in events if e["event_type"] == "spool_inserted")
    assert inserted["identifiers"]["external_id"] == WHITE.external_id
    assert rig.health["counters"]["events"] == len(events)
    assert rig.health["counters"]["messages"] > 3


async def test_it_asks_for_versions_and_everything_once_on_connect(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    await rig.until(lambda: len(rig.printer.requests) >= 2)

    assert [next(iter(request)) for request in rig.printer.requests[:2]] == [
        "info",
        "pushing",
    ]
    assert rig.asked("pushing") == 1
    assert len(rig.printer.clients) == 1
    (client,) = rig.printer.clients
    assert client.topics == {f"device/{rig.printer.hardware.serial}/report"}


async def test_a_printer_that_comes_back_is_read_again(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    await rig.printer.power_off()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    await rig.printer.power_on()
    await rig.running(pace=1)

    assert rig.health["counters"]["reconnects"] == 1
    assert rig.asked("pushing") == 2


async def test_spools_not_read_since_a_restart_keep_their_identity(rig: Rig) -> None:
    hardware = rig.printer.hardware
    bays = [bay for unit in hardware.units.values() for bay in unit.bays if bay.spool]
    assert any(bay.known for bay in bays)
    await rig.start()
    await rig.running()
    await rig.until(lambda: bool(rig.happened))

    await rig.printer.power_off()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    hardware.power_on_flag, hardware.version = False, 0
    for bay in bays:
        bay.known, bay.read_done = None, True
    await rig.printer.power_on()
    await rig.running(pace=1)
    start = rig.clock.monotonic()
    await rig.until(lambda: rig.clock.monotonic() > start + 30, pace=1)

    assert set(rig.happened) == {"ams_state"}


async def test_spools_not_read_since_a_restart_keep_their_identity_over_one_of_ours(
    rig: Rig,
) -> None:
    hardware = rig.printer.hardware
    hardware.power_on_flag, hardware.version = False, 40
    bays = [bay for unit in hardware.units.values() for bay in unit.bays if bay.spool]
    await rig.start()
    await rig.running()
    await rig.until(lambda: bool(rig.happened))
    await rig.stop()
    assert rig.driver is not None
    memory, slots = rig.driver.memory(), PrinterSlots()
    for event in rig.fake_host.events:
        slots, _ = apply(slots, parse_event(event))

    hardware.version = 0
    for bay in bays:
        bay.known, bay.read_done = None, True
    rig.fake_host = FakeHost(
        rig.clock, memory=memory, stored=tuple(slots.slots.values())
    )
    await rig.start()
    await rig.running()
    start = rig.clock.monotonic()
    await rig.until(lambda: rig.clock.monotonic() > start + 30, pace=1)

    assert set(rig.happened) <= {"ams_state"}
    for event in rig.fake_host.events:
        slots, _ = apply(slots, parse_event(event))
    kept = [slot.identifiers.external_id for slot in slots.slots.values()]
    assert {bay.spool.external_id for bay in bays if bay.spool} <= {*kept, None}


async def test_a_connection_that_was_lost_leads_to_no_event(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    await rig.until(lambda: bool(rig.happened))
    before = list(rig.happened)

    rig.printer.kick()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    await rig.running(pace=1)
    await rig.until(lambda: rig.clock.monotonic() > 60, pace=1)

    assert rig.happened == before


async def test_a_refused_code_stops_the_retrying(rig: Rig) -> None:
    await rig.start(access_code="wr0ngc0d")

    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)

    assert rig.code == ErrorCode.INVALID_AUTH
    assert rig.printer.logins == 2


async def test_a_code_that_was_changed_is_noticed(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    rig.printer.change_access_code("another1")

    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)


async def test_another_refusal_is_retried(rig: Rig) -> None:
    rig.printer.refusal = SERVER_UNAVAILABLE
    await rig.start()

    await rig.fails(ErrorCode.CONNECTION_REFUSED)


async def test_a_new_certificate_is_reported_before_a_password_is_sent(
    rig: Rig,
) -> None:
    config = rig.printer.config
    rig.printer.change_certificate()
    await rig.start(certificate=config["certificate"])

    await rig.fails(ErrorCode.NEW_CERTIFICATE)

    assert rig.printer.logins == 0


async def test_another_printer_at_the_address_is_reported_before_a_password_is_sent(
    rig: Rig,
) -> None:
    config = rig.printer.config
    rig.printer.change_certificate(OTHER_SERIAL)
    await rig.start(certificate=config["certificate"])

    await rig.fails(ErrorCode.WRONG_PRINTER)

    assert rig.printer.logins == 0


async def test_without_a_known_certificate_no_password_is_sent(rig: Rig) -> None:
    await rig.start(certificate=None)

    await rig.fails(ErrorCode.NEW_CERTIFICATE)

    assert rig.printer.logins == 0


async def test_a_known_certificate_that_does_not_verify_is_a_tls_failure(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_certificate(rig.printer.hardware.serial).pem
    pinned = tls.pinned_context
    monkeypatch.setattr(session_module, "pinned_context", lambda pem: pinned(other))
    await rig.start()

    await rig.fails(ErrorCode.TLS_FAILED)


async def test_connecting_to_an_address_takes_no_thread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "run_in_executor", lambda *job: jobs.append(job))

    await rig.start()
    await rig.running()

    assert jobs == []


async def test_a_wrong_serial_is_a_silent_printer(rig: Rig) -> None:
    rig.printer.change_certificate(OTHER_SERIAL)
    await rig.start(serial=OTHER_SERIAL, certificate=rig.printer.certificate)
    await rig.until(lambda: rig.health["connected"])

    await rig.fails(ErrorCode.SILENT_PRINTER, pace=1)

    assert rig.clock.monotonic() == pytest.approx(20, abs=1)


async def test_a_refused_subscription_is_a_silent_printer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.printer, "granted", 0x80)
    await rig.start()

    await rig.fails(ErrorCode.SILENT_PRINTER)


async def test_a_stream_that_stalls_is_renewed(rig: Rig) -> None:
    rig.printer.hardware.units.clear()
    await rig.start()
    await rig.running()
    rig.printer.silent = True

    await rig.fails(ErrorCode.STREAM_STALLED, pace=1)
    rig.printer.silent = False

    assert rig.clock.monotonic() == pytest.approx(60, abs=5)
    await rig.running(pace=1)


async def test_closed_right_after_connecting_is_reported_after_three_times(
    rig: Rig,
) -> None:
    rig.printer.closes_after_connect = True
    await rig.start()

    await rig.fails(ErrorCode.CLOSED_AFTER_CONNECT, pace=1)

    assert rig.printer.logins == 3


async def test_a_printer_that_is_off_refuses_the_connection(rig: Rig) -> None:
    await rig.printer.power_off()
    await rig.start()

    await rig.fails(ErrorCode.CONNECTION_REFUSED)


@asynccontextmanager
async def odd_server(
    printer: BambuPrinter, handler: Callable[[asyncio.StreamWriter], None]
) -> AsyncIterator[int]:
    """Listen with the printer's certificate and do this with each connection."""

    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        handler(writer)

    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=printer.server_context
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


async def test_a_login_that_is_not_answered_times_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "ANSWER_TIMEOUT", 0.1)
    async with odd_server(rig.printer, lambda writer: None) as port:
        await rig.start(port=port)
        await rig.fails(ErrorCode.CONNECTION_TIMEOUT)
        await rig.stop()


async def test_a_login_that_is_answered_by_hanging_up_is_a_lost_connection(
    rig: Rig,
) -> None:
    async with odd_server(rig.printer, lambda writer: writer.close()) as port:
        await rig.start(port=port)
        await rig.fails(ErrorCode.CONNECTION_LOST)
        await rig.stop()


async def test_nonsense_is_counted_and_harms_nothing(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    for payload in (b"", b"\xff\xfe", b"[]", b'{"print": 3}', b'{"print"', b"[" * 9999):
        rig.printer.publish_raw(payload)
    await rig.until(lambda: rig.health["counters"]["messages"] >= 8)

    counters = rig.health["counters"]
    assert counters["decode_errors"] >= 4
    assert counters["ignored"] >= 1
    assert rig.health["status"] == "running"
    rig.clock.tick(30)
    assert set(rig.happened) == {"ams_state"}


async def test_a_fault_of_our_own_is_named_and_the_session_renewed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: SlotTracker, snapshot: Snapshot) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(SlotTracker, "observe", broken)
        await rig.start()
        await rig.fails(ErrorCode.DRIVER_BROKEN)

    await rig.running(pace=1)


async def test_the_access_code_is_in_no_log_and_no_health(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await rig.start()
    await rig.running()
    rig.printer.change_access_code("another1")
    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)

    assert str(rig.printer.config["access_code"]) not in caplog.text
    assert "c0d3c0d3" not in caplog.text + json.dumps(rig.health)
    assert str(BLUE.uuid) not in caplog.text


async def test_going_and_coming_back_is_one_line_each(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await rig.start()
    await rig.running()
    rig.printer.kick()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    await rig.running(pace=1)

    lines = [r for r in caplog.records if r.name != "asyncio"]
    assert [r.levelname for r in lines] == ["WARNING", "INFO"]


async def test_stopping_is_quick_and_may_be_repeated(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.driver is not None

    # Far below what a server may take to answer.
    async with asyncio.timeout(2):
        await rig.driver.stop()
        await rig.driver.stop()

    assert rig.health["status"] == "stopped"
    assert not rig.health["connected"]


async def test_stopping_is_quick_while_connecting_to_a_host_that_is_silent(
    rig: Rig,
) -> None:
    with socket.socket() as silent:
        # Full: a connection to it is neither taken nor refused.
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        await rig.start(port=port)
        await asyncio.sleep(0.05)
        assert rig.driver is not None

        async with asyncio.timeout(SOON):
            await rig.driver.stop()

        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("milliseconds", range(0, 60, 3))
async def test_stopping_in_the_midst_of_connecting_leaves_nothing(
    rig: Rig, milliseconds: int
) -> None:
    await rig.start()
    await asyncio.sleep(milliseconds / 1000)

    # The fixture looks for what is left.
    await rig.stop()

    assert rig.health["status"] == "stopped"


async def test_refresh_asks_for_everything_once_a_minute_at_most(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.driver is not None

    for _ in range(3):
        await rig.driver.sync_state()
        await asyncio.sleep(0.02)
        assert rig.asked("pushing") == 1
    rig.printer.publish(rig.printer.hardware.chatter())
    await rig.until(lambda: rig.asked("pushing") == 2, pace=5)

    assert rig.clock.monotonic() == pytest.approx(60, abs=5)


async def test_refresh_of_a_printer_that_is_off_does_nothing(rig: Rig) -> None:
    await rig.printer.power_off()
    await rig.start()
    await rig.fails(ErrorCode.CONNECTION_REFUSED)
    assert rig.driver is not None

    await rig.driver.sync_state()

    assert not rig.printer.requests


async def test_versions_are_asked_three_times_for_a_unit_that_stays_unconfirmed(
    rig: Rig,
) -> None:
    unit = rig.printer.hardware.units.pop(2)
    await rig.start()
    await rig.running()
    # Those that were there had to be confirmed, too.
    await rig.until(lambda: rig.asked("info") == 2)
    await rig.until(lambda: rig.health["counters"]["messages"] == 3)
    rig.printer.answers_versions = False
    await rig.printer.play(rig.printer.hardware.plug(unit), speed=1000)
    await rig.until(lambda: rig.clock.monotonic() > 40, pace=0.5)

    assert rig.asked("info") == 2 + 3


@pytest.mark.parametrize(
    ("field", "value"), [("serial", "short"), ("port", 0), ("access_code", "")]
)
def test_a_configuration_that_fails_is_refused_without_a_task(
    field: str, value: object
) -> None:
    config = {"host": "h", "serial": OTHER_SERIAL, "access_code": "12345678"}
    fake_host = FakeHost()

    with pytest.raises(ValidationError) as caught:
        Driver(1, config | {field: value}, fake_host.emitter, fake_host.services)

    assert caught.value.errors()[0]["loc"] == (field,)


def test_frames_of_a_capture_go_through_the_same_decoder() -> None:
    decode = Driver.frame_decoder()
    report = x1c().report_full()

    snapshot = decode({"t": 0, "payload": report})

    assert snapshot is not None
    assert snapshot.complete
    assert [unit.ams_unit_no for unit in snapshot.units] == [1, 2, 5]
    assert decode({"t": 1, "payload": report}) is snapshot
    assert decode({"t": 2, "note": "nothing"}) is None


async def test_the_probe_returns_the_printer_and_its_certificate(rig: Rig) -> None:
    config = {k: v for k, v in rig.printer.config.items() if k != "certificate"}

    found = await Driver.probe(config, rig.fake_host.services)

    assert found.identity == rig.printer.hardware.serial
    assert (found.name, found.model) == ("X1-Carbon 0001", "X1-Carbon")
    assert found.config == {"certificate": rig.printer.certificate}


async def test_the_probe_does_without_the_versions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "_MODEL_WAIT", 0.1)
    rig.printer.answers_versions = False

    found = await Driver.probe(rig.printer.config, rig.fake_host.services)

    assert found.model == "X1 Carbon"


async def test_the_probe_of_a_silent_printer_fails(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Driver, "first_message", 0.1)
    rig.printer.silent = True

    assert await probe_code(rig) is ErrorCode.SILENT_PRINTER


async def test_the_probe_raises_the_code_of_the_failure(rig: Rig) -> None:
    config = rig.printer.config
    assert await probe_code(rig, access_code="wr0ngc0d") is ErrorCode.INVALID_AUTH
    rig.printer.change_certificate()
    assert await probe_code(rig, **config) is ErrorCode.NEW_CERTIFICATE
    rig.printer.change_certificate(OTHER_SERIAL)
    assert await probe_code(rig) is ErrorCode.WRONG_PRINTER
    rig.printer.change_certificate()
    rig.printer.closes_after_connect = True
    assert await probe_code(rig) is ErrorCode.CONNECTION_LOST
    await rig.printer.power_off()
    assert await probe_code(rig) is ErrorCode.CONNECTION_REFUSED

    assert rig.printer.logins == 2


async def test_a_new_certificate_is_described_by_both_fingerprints(rig: Rig) -> None:
    config = rig.printer.config
    rig.printer.change_certificate()

    with pytest.raises(DriverError) as refused:
        await Driver.probe(config, rig.fake_host.services)

    old, new = map(fingerprint, (config["certificate"], rig.printer.certificate))
    assert refused.value.placeholders == {"old": old, "new": new}
    assert refused.value.suggested == {"certificate": rig.printer.certificate}
    assert rig.printer.logins == 0


def fingerprint(pem: str) -> str:
    """Return it as `openssl x509 -fingerprint -sha256` prints it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, 64, 2))


async def test_a_printer_is_recognised_by_its_certificate_without_a_login(
    rig: Rig,
) -> None:
    assert await Driver.recognise(rig.printer.config, rig.fake_host.services) is True

    config = rig.printer.config
    rig.printer.change_certificate()
    with pytest.raises(DriverError) as refused:
        await Driver.recognise(config, rig.fake_host.services)
    assert refused.value.code is ErrorCode.WRONG_PRINTER

    unknown = config | {"certificate": None}
    assert await Driver.recognise(unknown, rig.fake_host.services) is False
    assert rig.printer.logins == 0


async def probe_code(rig: Rig, **changes: Any) -> ErrorCode:
    """Return the code a probe fails with."""
    with pytest.raises(DriverError) as caught:
        await Driver.probe(rig.printer.config | changes, rig.fake_host.services)
    return caught.value.code


async def test_an_a1_mini_is_read_the_same_way() -> None:
    async with BambuPrinter(a1_mini()) as printer:
        rig = Rig(printer)
        await rig.start()
        await rig.running()
        await rig.stop()

    assert rig.health["versions"]["model"] == "A1 mini"
