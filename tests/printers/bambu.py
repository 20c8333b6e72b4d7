"""A virtual Bambu Lab printer on the network: MQTT over TLS 1.2 on the loopback.

`python -m tests.printers.bambu --help` runs one by itself.
"""

import argparse
import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
import json
from pathlib import Path
import ssl
import sys
from typing import Any, Self

from .bambu_hardware import Step, VirtualBambu
from .bambu_scenarios import SCENARIOS, Act, Scenario
from .bambu_wire import Report
from .certificates import make_certificate
from .mqtt_server import ACCEPTED, NOT_AUTHORISED, Client, MqttServer

HOST = "127.0.0.1"
USER = "bblp"
ACCESS_CODE = "c0d3c0d3"


class BambuPrinter:
    """A printer that can be connected to and made to fail.

    chatter: seconds between the reports that mention no slot; None for a
    printer that reports nothing by itself.
    logins: how many clients sent a password. requests: what they asked for.
    """

    def __init__(
        self,
        hardware: VirtualBambu,
        access_code: str = ACCESS_CODE,
        *,
        chatter: float | None = None,
    ) -> None:
        """Make it, switched off."""
        self.hardware = hardware
        self.access_code = access_code
        self.logins = 0
        self.requests: list[dict[str, Any]] = []
        self.silent = False
        self._held: list[tuple[Client, bytes]] | None = None
        self.answers_versions = True
        self.closes_after_connect = False
        self.refusal: int | None = None
        self.granted = 0
        self.port = 0
        self._chatter = chatter
        self._report_topic = f"device/{hardware.serial}/report"
        self._request_topic = f"device/{hardware.serial}/request"
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.server_context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._server = MqttServer(self, self.server_context)
        self._chattering: asyncio.Task[None] | None = None
        self.change_certificate()

    async def __aenter__(self) -> Self:
        """Switch it on."""
        await self.power_on()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Switch it off."""
        await self.power_off()

    @property
    def config(self) -> dict[str, Any]:
        """The configuration with which a driver reaches it."""
        return {
            "host": HOST,
            "port": self.port,
            "serial": self.hardware.serial,
            "access_code": self.access_code,
            "certificate": self.certificate,
        }

    # What can happen to it.

    async def power_on(self, port: int = 0, host: str = HOST) -> None:
        """Listen: at this port, or the one it had before, or any."""
        self.port = await self._server.start(port or self.port, host)
        if self._chatter is not None:
            self._chattering = asyncio.create_task(self._talk(self._chatter))

    async def power_off(self) -> None:
        """Close all connections and stop listening."""
        if self._chattering is not None:
            self._chattering.cancel()
            await asyncio.gather(self._chattering, return_exceptions=True)
            self._chattering = None
        await self._server.stop()

    def change_certificate(self, common_name: str | None = None) -> None:
        """Present another certificate from now on: of this printer, or of another."""
        certificate = make_certificate(common_name or self.hardware.serial)
        self.certificate = certificate.pem
        certificate.load_into(self.server_context)

    def change_access_code(self, access_code: str) -> None:
        """Accept another code from now on, and close the connections made with the old one."""
        self.access_code = access_code
        self.kick()

    def kick(self) -> None:
        """Close all connections."""
        for client in list(self.clients):
            client.close()

    @property
    def clients(self) -> set[Client]:
        """The connected clients."""
        return self._server.clients

    @property
    def received(self) -> list[tuple[int, bytes]]:
        """The last packets of all clients, each its first byte and its content."""
        return list(self._server.received)

    def publish(self, report: Report) -> None:
        """Send a report, unless it is silent."""
        self.publish_raw(json.dumps(report).encode())

    def publish_raw(self, payload: bytes) -> None:
        """Send any payload."""
        if not self.silent:
            for client in list(self.clients):
                self._send(client, payload)

    def hold(self) -> None:
        """Keep all that is sent from now on: it is stuck on its way, but not lost."""
        self._held = []

    def release(self) -> None:
        """Send what was held to those who are still connected, in order."""
        held, self._held = self._held or [], None
        for client, payload in held:
            if client in self.clients:
                self._send(client, payload)

    async def play(self, steps: Iterable[Step], speed: float = 1.0) -> None:
        """Send the reports of these steps, at their pace."""
        for delay, report in steps:
            await asyncio.sleep(delay / speed)
            self.publish(report)

    async def play_scenario(
        self,
        scenario: Scenario,
        speed: float = 1.0,
        announce: Callable[[Act], None] = lambda act: None,
    ) -> None:
        """Play the acts of a scenario, one after the other."""
        for act in scenario.acts:
            announce(act)
            await self.play(act.do(self.hardware), speed)
            await asyncio.sleep(act.rest / speed)

    async def play_capture(self, capture: Path, speed: float = 1.0) -> None:
        """Send the reports of a capture, at their pace."""
        text = await asyncio.to_thread(capture.read_text, encoding="utf-8")
        before = 0.0
        for frame in json.loads(text)["frames"]:
            await asyncio.sleep(max(0.0, frame["t"] - before) / speed)
            before = frame["t"]
            self.publish(frame["payload"])

    # What the server asks.

    def login(self, user: str, password: str) -> int:
        """Return the CONNACK code."""
        self.logins += 1
        if self.refusal is not None:
            return self.refusal
        if (user, password) != (USER, self.access_code):
            return NOT_AUTHORISED
        return ACCEPTED

    def welcomed(self, client: Client) -> None:
        """Close the connection, where it is set to do so."""
        if self.closes_after_connect:
            client.close()

    def may_subscribe(self, topic: str) -> bool:
        """Allow the topics of reports only.

        Another serial is no reason: such a client just never receives anything.
        """
        return topic.startswith("device/") and topic.endswith("/report")

    def requested(self, client: Client, topic: str, payload: bytes) -> None:
        """Answer the two requests that a reader sends."""
        if topic != self._request_topic:
            return
        request = json.loads(payload)
        self.requests.append(request)
        if self.silent:
            return
        match request:
            case {"info": {"command": "get_version", "sequence_id": sequence_id}}:
                if self.answers_versions:
                    self._answer(client, self.hardware.versions(sequence_id))
            case {"pushing": {"command": "pushall"}}:
                self._answer(client, self.hardware.report_full())

    def _answer(self, client: Client, report: Report) -> None:
        self._send(client, json.dumps(report).encode())

    def _send(self, client: Client, payload: bytes) -> None:
        if self._held is None:
            client.publish(self._report_topic, payload)
        else:
            self._held.append((client, payload))

    async def _talk(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            self.publish(self.hardware.chatter())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.printers.bambu", description=__doc__
    )
    parser.add_argument(
        "--list", action="store_true", help="list the scenarios and end"
    )
    parser.add_argument("--scenario", choices=SCENARIOS, default="demo")
    parser.add_argument("--capture", type=Path, help="play this recording instead")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--access-code", default=ACCESS_CODE)
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast")
    parser.add_argument("--once", action="store_true", help="end with the scenario")
    return parser.parse_args()


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _serve(arguments: argparse.Namespace) -> None:
    """Wait for the first client, play, and keep answering."""
    scenario = SCENARIOS[arguments.scenario]
    printer = BambuPrinter(scenario.build(), arguments.access_code, chatter=2.0)
    await printer.power_on(arguments.port)
    try:
        _say(listening=printer.config, title=scenario.title)
        while not any("pushing" in request for request in printer.requests):
            await asyncio.sleep(0.2)
        # Time for the first snapshot to be read.
        await asyncio.sleep(5.0 / arguments.speed)
        if arguments.capture is not None:
            await printer.play_capture(arguments.capture, arguments.speed)
        else:
            await printer.play_scenario(
                scenario,
                arguments.speed,
                lambda act: _say(
                    act=act.title, expects=[asdict(event) for event in act.expects]
                ),
            )
        _say(done=True)
        if not arguments.once:
            await asyncio.Event().wait()
    finally:
        await printer.power_off()


def _main() -> None:
    arguments = _arguments()
    if arguments.list:
        for scenario in SCENARIOS.values():
            _say(scenario=scenario.name, title=scenario.title)
        return
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments))


if __name__ == "__main__":
    _main()
