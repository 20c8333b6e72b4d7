"""Two Home Assistants, a broker, a database and the program between them.

Each is killed while spools are changed. Docs: docs/postgresql.md, whose automation and
program these are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import BLACK, GREEN, RED, WHITE, x1c
from ..printers.box_turtle import BLUE_SPOOL, KlipperPrinter
from ..printers.moonraker import PYTHON
from ..printers.processes import ended_with_us
from .client import HomeAssistantError
from .hass import ROOT, HomeAssistant
from .integration import Event, add_printer, on_spool_events, stored, wait_until
from .servers import HOST, INITDB, MOSQUITTO, PASSWORD, USERNAME, Broker, Database

pytestmark = [
    pytest.mark.process,
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker"),
    pytest.mark.skipif(
        not (MOSQUITTO and INITDB),
        reason="scripts/setup installs Mosquitto and PostgreSQL",
    ),
]

CONSUMER = ROOT / "docs" / "postgresql" / "consumer.py"
PAGE = ROOT / "docs" / "postgresql.md"
NAMES = ("home", "workshop")
# So often that the test need not wait for long.
READ_EVERY = 2
# No events: no JSON, no object, an object without an id, and text with a NUL.
NONSENSE = (
    "nonsense",
    "[]",
    '{"event_type": "spool_inserted", "event_at": "2026-01-01T00:00:00+00:00"}',
    '{"event_id": "a\\u0000", "event_type": "b", "event_at": "2026-01-01T00:00:00Z"}',
    '{"event_id": "c", "event_type": "d", "event_at": "yesterday, or so"}',
)

_TIMEOUT = 120.0


class House:
    """A Home Assistant, and the events that it has published."""

    def __init__(self, name: str, home_assistant: HomeAssistant) -> None:
        self.name = name
        self.home_assistant = home_assistant
        # Two of them start at once.
        home_assistant.start_timeout *= 2
        self.sent: list[Event] = []

    async def set_up(
        self, broker: Broker, printer: BambuPrinter | KlipperPrinter
    ) -> None:
        """Add the broker and the printer by their dialogs, and listen."""
        client = self.home_assistant.client
        await on_spool_events(client, self.sent.append)
        step = await client.post("config/config_entries/flow", {"handler": "mqtt"})
        answer = await client.post(
            f"config/config_entries/flow/{step['flow_id']}",
            {
                "broker": HOST,
                "port": broker.port,
                "username": USERNAME,
                "password": PASSWORD,
                "other_settings": {"set_ca_cert": "off", "set_client_cert": False},
            },
        )
        if answer["type"] != "create_entry":
            raise HomeAssistantError(f"the dialog of MQTT reported {answer}")
        await add_printer(client, printer)

    @property
    def topic(self) -> str:
        """Return the topic of its events."""
        return f"filament_slots/{self.name}/events"


class Rig:
    """Both houses, the printers, and what is between them and the rows."""

    def __init__(
        self,
        houses: list[House],
        bambu: BambuPrinter,
        klipper: KlipperPrinter,
        broker: Broker,
        database: Database,
    ) -> None:
        self.home, self.workshop = self.houses = houses
        self.bambu, self.klipper = bambu, klipper
        self.broker, self.database = broker, database

    @property
    def sent(self) -> list[Event]:
        """Return the events that both have published."""
        return [event for house in self.houses for event in house.sent]

    async def change(self, events: int, *changes: Awaitable[Any]) -> None:
        """Change spools at once, and wait until so many events were published."""
        expected = len(self.sent) + events
        await asyncio.gather(*changes)
        await wait_until(lambda: len(self.sent) >= expected, _TIMEOUT)
        assert len(self.sent) == expected

    def rows(self) -> dict[str, tuple[str, Event]]:
        """Return the instance and the content of each event in the database, by id."""
        with psycopg.connect(self.database.url) as db:
            found = db.execute(
                "SELECT event_id, instance, event FROM filament_slots_events"
            )
            return {event_id: (name, event) for event_id, name, event in found}

    def counts(self) -> Counter[str]:
        """Return what the program has counted, of both instances together."""
        columns = ("received", "read", "doubles", "refused")
        with psycopg.connect(self.database.url) as db:
            found = db.execute(
                "SELECT received, read, doubles, refused FROM filament_slots_instances"
            )
            each = [dict(zip(columns, row, strict=True)) for row in found]
        return sum(map(Counter, each), Counter[str]())

    async def complete(self) -> None:
        """Wait until the database has everything that was published."""
        await wait_until(lambda: len(self.rows()) >= len(self.sent), _TIMEOUT)
        assert set(self.rows()) == {event["event_id"] for event in self.sent}


def _automation(name: str) -> str:
    """Return the automation of the page, with the name of an instance, as a list."""
    found = re.search(
        r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found
    topic = f"filament_slots/{name}/events"
    lines = found[1].replace("filament_slots/home/events", topic).splitlines()
    return "\n".join([f"- {lines[0]}", *(f"  {line}" for line in lines[1:]), ""])


@asynccontextmanager
async def _rig(folder: Path) -> AsyncIterator[Rig]:
    """Start everything but the program, side by side."""
    houses = []
    for name in NAMES:
        (folder / name).mkdir()
        houses.append(House(name, HomeAssistant(folder / name)))
        (folder / name / "automations.yaml").write_text(_automation(name))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        bambu, klipper, broker, database, _ = await asyncio.gather(
            enter(BambuPrinter(x1c(), chatter=1.0)),
            enter(KlipperPrinter()),
            enter(Broker()),
            enter(Database()),
            asyncio.gather(*(enter(house.home_assistant) for house in houses)),
        )
        await asyncio.gather(
            houses[0].set_up(broker, bambu), houses[1].set_up(broker, klipper)
        )
        yield Rig(houses, bambu, klipper, broker, database)


@contextmanager
def _consumer(rig: Rig, folder: Path) -> Iterator[Callable[[], str]]:
    """Run the program, and kill it in the end; return its output so far."""
    lines = [
        f'database = "{rig.database.url}"',
        f"read_every = {READ_EVERY}",
        "[mqtt]",
        f'host = "{HOST}"',
        f"port = {rig.broker.port}",
        f'username = "{USERNAME}"',
        f'password = "{PASSWORD}"',
    ]
    for house in rig.houses:
        lines += [
            f"[instances.{house.name}]",
            f'url = "{house.home_assistant.url}"',
            f'token = "{house.home_assistant.client.token}"',
        ]
    config, log = folder / "consumer.toml", folder / "consumer.log"
    config.write_text("\n".join(lines))
    with log.open("ab") as output:
        process = subprocess.Popen(
            ended_with_us([sys.executable, CONSUMER, config]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield log.read_text
        assert process.poll() is None, log.read_text()
    finally:
        process.kill()
        process.wait()


async def test_no_event_of_two_houses_is_missing_after_everything_was_killed(
    tmp_path: Path,
) -> None:
    async with _rig(tmp_path) as rig:
        x1, turtle = rig.bambu.hardware, rig.klipper.turtle
        play = partial(rig.bambu.play, speed=10)
        with _consumer(rig, tmp_path) as output:
            await wait_until(lambda: "Connected to the broker" in output(), _TIMEOUT)
            await rig.change(
                4,
                play(x1.insert(1, 3, WHITE)),
                turtle.insert(2, BLUE_SPOOL),
                turtle.insert(3),  # without a tag: it is also an unknown spool
            )
            await rig.complete()
            # Nothing was down: the broker has delivered all of them.
            await wait_until(lambda: rig.counts()["received"] == 4, _TIMEOUT)
            assert rig.counts()["received"] == 4

            rig.broker.kill()
            await rig.change(
                4,
                play(x1.remove(1, 1)),
                play(x1.remove(1, 2)),
                turtle.remove(2),
                turtle.remove(4),
            )
            await rig.broker.start()
            rig.database.kill()
            await rig.change(
                3,
                play(x1.insert(2, 2, BLACK)),
                play(x1.insert(2, 3, GREEN)),
                turtle.insert(2, BLUE_SPOOL),
            )
            await rig.database.start()
            await rig.complete()

        # The program was killed, too.
        await rig.change(3, play(x1.insert(2, 4, RED)), turtle.insert(4))
        await rig.home.home_assistant.kill()
        with _consumer(rig, tmp_path) as output:
            await wait_until(lambda: "home is unavailable" in output(), _TIMEOUT)
            assert "home is unavailable" in output()
            await rig.home.home_assistant.start()
            await rig.complete()

            for payload in NONSENSE:
                await rig.workshop.home_assistant.client.call(
                    "call_service",
                    domain="mqtt",
                    service="publish",
                    service_data={
                        "topic": rig.workshop.topic,
                        "payload": payload,
                        "qos": 1,
                    },
                )
            await wait_until(lambda: rig.counts()["refused"] == len(NONSENSE), _TIMEOUT)

            # As if a backup from before the cursor had been restored.
            before = rig.counts()
            with psycopg.connect(rig.database.url) as db:
                db.execute("UPDATE filament_slots_instances SET cursor = 1000000")
            await wait_until(
                lambda: rig.counts()["doubles"] >= before["doubles"] + len(rig.sent),
                _TIMEOUT,
            )

        rows, counts = rig.rows(), rig.counts()
        missing = {event["event_id"] for event in rig.sent} - rows.keys()
        print(f"sent {len(rig.sent)}, {dict(counts)}, missing {len(missing)}")  # noqa: T201
        assert not missing
        for house in rig.houses:
            theirs = {key for key, (name, _) in rows.items() if name == house.name}
            assert theirs == set(stored(house.home_assistant))
            assert theirs == {event["event_id"] for event in house.sent}
            for event in house.sent:
                _, copy = rows[event["event_id"]]
                for key in ("event_type", "event_at", "slot", "identifiers"):
                    assert copy[key] == event[key]
        assert counts["refused"] == len(NONSENSE)
        # Each event was read, and read again after the history seemed to be another one.
        assert counts["read"] == 2 * len(rig.sent)
        assert counts["doubles"] >= len(rig.sent)
        assert counts["received"] + counts["read"] == (
            len(rows) + counts["doubles"] + counts["refused"]
        )
