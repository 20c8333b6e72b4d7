"""The virtual printer behaves as the protocol notes describe, and its scenarios lead to their events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
import json
import logging
from pathlib import Path
import sys
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.bambulab_mqtt.requests import (
    GET_VERSION,
    PUSHALL,
)
from custom_components.filament_slots.drivers.bambulab_mqtt.tls import pinned_context
from custom_components.filament_slots.drivers.base import EventEmitter
from custom_components.filament_slots.drivers.tracking.tracker import SlotTracker
from tests.clock import FakeClock
from tests.printers.bambu import HOST, BambuPrinter
from tests.printers.bambu_hardware import Steps, VirtualBambu
from tests.printers.bambu_models import Spool
from tests.printers.bambu_scenarios import (
    BLACK,
    BLUE,
    GREEN,
    SCENARIOS,
    Expected,
    Scenario,
    h2d,
    inserted,
    removed,
    x1c,
)
from tests.printers.bambu_wire import Report


class Watcher:
    """The real decoder and tracker in front of the hardware, without a network."""

    def __init__(self, hardware: VirtualBambu) -> None:
        self.clock = FakeClock()
        self._hardware = hardware
        self._events: list[dict[str, Any]] = []
        self._decoder = ReportDecoder(logging.getLogger(__name__))
        self._tracker = SlotTracker(
            1, EventEmitter(self._events.append), self.clock, lambda: None
        )
        self.take(hardware.versions())
        self.take(hardware.report_full())
        self.wait(10)
        assert {event["event_type"] for event in self._events} == {"ams_state"}

    def take(self, report: Report) -> None:
        """Decode a report, and send the requests that the driver would."""
        snapshot = self._decoder.feed(json.dumps(report))
        if snapshot is not None:
            self._tracker.observe(snapshot)
        if self._decoder.needs_versions and "print" in report:
            self.take(self._hardware.versions())

    def wait(self, seconds: float) -> None:
        """Let time pass while the printer keeps sending reports."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.clock.tick(2)
            self.take(self._hardware.chatter())

    def reported(self) -> list[Expected]:
        """Return what happened since the last time, `ams_state` apart."""
        events = [e for e in self._events if e["event_type"] != "ams_state"]
        self._events.clear()
        return [
            Expected(
                event["event_type"],
                event["slot"]["ams_unit_no"],
                event["slot"]["slot_no"],
                (event.get("identifiers") or {}).get("external_id"),
                bool(event.get("meta", {}).get("detected_late")),
                event.get("meta", {}).get("reason"),
            )
            for event in events
        ]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_makes_the_events_that_stand_beside_it(scenario: Scenario) -> None:
    hardware = scenario.build()
    watcher = Watcher(hardware)

    for act in scenario.acts:
        for delay, report in act.do(hardware):
            watcher.clock.tick(delay)
            watcher.take(report)
        watcher.wait(act.rest)
        assert watcher.reported() == list(act.expects), act.title


def test_a_switch_that_dies_a_moment_before_its_printer_takes_no_spool_along() -> None:
    hardware = x1c()
    watcher = Watcher(hardware)
    _, dying = next(hardware.flicker(1, 1))
    watcher.take(dying)
    watcher.take(hardware.report_shutdown())
    watcher.clock.tick(60)
    assert watcher.reported() == []


def test_a_spool_is_named_as_the_one_before_until_its_own_tag_is_read() -> None:
    hardware = x1c()
    for _ in hardware.remove(1, 1):
        pass
    reports = [hardware.report_full() for _ in hardware.insert(1, 1, GREEN)]
    ams = [report["print"]["ams"] for report in reports]
    assert [int(each["tray_read_done_bits"], 16) & 1 for each in ams] == [0, 0, 1]
    assert [each["ams"][0]["tray"][0].get("tray_uuid") for each in ams] == [
        BLUE.uuid,
        BLUE.uuid,
        GREEN.uuid,
    ]


def test_a_spool_that_an_ht_cannot_read_in_a_print_is_not_named_as_the_one_before() -> (
    None
):
    hardware = h2d()
    watcher = Watcher(hardware)

    def play(steps: Steps, rest: float) -> list[Expected]:
        for delay, report in steps:
            watcher.clock.tick(delay)
            watcher.take(report)
        watcher.wait(rest)
        return watcher.reported()

    play(hardware.start_print(5, 1), 60)
    assert play(hardware.remove(5, 1), 60) == [removed(5, 1, BLACK, reason="runout")]
    assert play(hardware.insert(5, 1, GREEN), 3600) == [inserted(5, 1, Spool())]
    assert play(hardware.end_print(), 60) == []
    assert play(hardware.remove(5, 1), 60) == [removed(5, 1, GREEN)]


def test_a_report_of_a_change_holds_only_what_changed_on_small_boards() -> None:
    hardware = SCENARIOS["p1s"].build()
    hardware.report_full()

    _, report = next(hardware.remove(1, 1))

    assert report["print"].keys() == {"command", "sequence_id", "msg", "ams"}
    assert report["print"]["ams"]["tray_exist_bits"] == "2"
    assert "ams_exist_bits" not in report["print"]["ams"]
    assert report["print"]["ams"]["ams"][0]["tray"][0] == {"id": "0"}


def test_bits_are_where_the_protocol_has_them() -> None:
    ams = x1c().report_full()["print"]["ams"]
    assert (ams["ams_exist_bits"], ams["tray_exist_bits"]) == ("13", "1b")

    ams = SCENARIOS["a2l"].build().report_full()["print"]["ams"]
    assert (ams["ams_exist_bits"], ams["tray_exist_bits"]) == ("1000", "1000000")


@pytest.fixture
async def printer(socket_enabled: None) -> AsyncIterator[BambuPrinter]:
    """Return a printer that is switched on."""
    async with BambuPrinter(x1c()) as printer:
        yield printer


class Reader:
    """A client that shares nothing with the driver: paho on a thread of its own.

    messages: the payloads received, and None once the connection is closed.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._address = config["host"], config["port"]
        self._connected = asyncio.Event()
        self._answered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.username_pw_set("bblp", config["access_code"])
        self._client.tls_set_context(pinned_context(config["certificate"]))
        self._client.on_message = self._received
        self._client.on_connect = lambda *about: self._call(self._connected.set)
        self._client.on_subscribe = lambda *about: self._call(self._answered.set)
        self._client.on_disconnect = self._disconnected

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._client.connect, *self._address)
        self._client.loop_start()
        await self._connected.wait()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def subscribe(self, topic: str, qos: int = 0) -> None:
        """Subscribe, and wait until the printer confirmed it or hung up."""
        self._client.subscribe(topic, qos)
        await self._answered.wait()

    def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Send a request."""
        self._client.publish(topic, payload, qos)

    def unsubscribe(self, topic: str) -> None:
        """Unsubscribe, without waiting for the answer."""
        self._client.unsubscribe(topic)

    def _received(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._call(self.messages.put_nowait, message.payload)

    def _disconnected(self, *about: object) -> None:
        self._call(self._answered.set)
        self._call(self.messages.put_nowait, None)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)


async def report(reader: Reader) -> Any:
    """Return the next report, parsed."""
    async with asyncio.timeout(5):
        payload = await reader.messages.get()
    assert payload is not None, "disconnected"
    return json.loads(payload)


async def test_it_answers_its_own_readers(printer: BambuPrinter) -> None:
    serial = printer.hardware.serial
    async with Reader(printer.config) as reader:
        await reader.subscribe(f"device/{serial}/report", qos=1)
        reader.publish(f"device/{serial}/request", GET_VERSION)
        versions = await report(reader)
        reader.publish(f"device/{serial}/request", PUSHALL, qos=1)
        full = await report(reader)
        reader.unsubscribe(f"device/{serial}/report")

    assert versions["info"]["module"][0]["sn"] == serial
    assert full["print"]["msg"] == 0


@pytest.mark.parametrize("topic", ["#", "device/+/request", "device/X/request"])
async def test_it_drops_clients_that_subscribe_to_more_than_reports(
    printer: BambuPrinter, topic: str
) -> None:
    async with Reader(printer.config) as reader:
        await reader.subscribe(topic)

        assert await reader.messages.get() is None


async def test_it_stays_silent_for_another_serial(printer: BambuPrinter) -> None:
    async with Reader(printer.config) as reader:
        await reader.subscribe("device/01P09A000000099/report")
        reader.publish("device/01P09A000000099/request", PUSHALL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.messages.get()

    assert not printer.requests


async def test_it_keeps_its_port_when_switched_off_and_on(
    printer: BambuPrinter,
) -> None:
    port = printer.port
    await printer.power_off()
    await printer.power_off()
    await printer.power_on()

    assert printer.port == port
    async with Reader(printer.config):
        assert printer.logins == 1


@pytest.mark.parametrize(
    "nonsense", [b"\x30\x02\x00\x09", b"GET / HTTP/1.1\r\n\r\n", b"\x10\x00"]
)
async def test_it_outlives_clients_that_speak_no_mqtt(
    printer: BambuPrinter, nonsense: bytes
) -> None:
    _, writer = await asyncio.open_connection(
        HOST, printer.port, ssl=pinned_context(printer.certificate)
    )
    writer.write(nonsense)
    await writer.drain()
    writer.close()

    async with Reader(printer.config):
        assert printer.logins == 1


async def test_it_plays_a_capture_and_a_scenario(
    printer: BambuPrinter, tmp_path: Path
) -> None:
    capture = tmp_path / "capture.json"
    frames = [{"t": t, "payload": {"print": {"t": t}}} for t in (0, 10, 10)]
    capture.write_text(json.dumps({"frames": frames}), encoding="utf-8")
    topic = f"device/{printer.hardware.serial}/report"
    acts: list[object] = []
    async with Reader(printer.config) as reader:
        await reader.subscribe(topic)
        await printer.play_capture(capture, speed=1000)
        played = [await report(reader) for _ in frames]
        await printer.play_scenario(SCENARIOS["demo"], 1000, acts.append)
        change = await report(reader)

    assert played == [frame["payload"] for frame in frames]
    assert acts == list(SCENARIOS["demo"].acts)
    assert change["print"]["ams"]["tray_exist_bits"] == "1f"


async def test_it_chatters_while_nothing_happens(socket_enabled: None) -> None:
    async with (
        BambuPrinter(x1c(), chatter=0.01) as printer,
        Reader(printer.config) as reader,
    ):
        await reader.subscribe(f"device/{printer.hardware.serial}/report")
        chatter = await report(reader)

    assert chatter["print"]["wifi_signal"]


async def test_it_runs_by_itself(socket_enabled: None) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.printers.bambu",
        "--speed=1000",
        "--once",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    about = json.loads(await process.stdout.readline())["listening"]
    async with Reader(about) as reader:
        reader.publish(f"device/{about['serial']}/request", PUSHALL)
        lines = [
            json.loads(line) for line in (await process.stdout.read()).splitlines()
        ]
        assert await reader.messages.get() is None
    assert await process.wait() == 0

    assert [line["act"] for line in lines[:-1]] == [
        act.title for act in SCENARIOS["demo"].acts
    ]
    assert lines[-1] == {"done": True}
