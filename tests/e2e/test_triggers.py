"""Automations as users write them: native triggers, conditions and blueprints."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL
from ..printers.bambu_scenarios import BLACK, WHITE, x1c
from .client import Client
from .hass import NEWEST, ROOT, HomeAssistant
from .integration import DOMAIN, add_printer, slots, wait_until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

BLUEPRINTS = ROOT / "blueprints" / "automation" / DOMAIN
REMOVAL_CONFIRMED = 8.0

# A phone with the companion app.
MORE_CONFIGURATION = """
mobile_app:
"""


@pytest.fixture
async def with_a_phone(
    tmp_path: Path, environment: Path
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant with the companion app's integration."""
    home_assistant = HomeAssistant(tmp_path, environment)
    with (tmp_path / "configuration.yaml").open("a") as configuration:
        configuration.write(MORE_CONFIGURATION)
    async with home_assistant:
        yield home_assistant


class Phone:
    """A phone with the companion app: it receives and answers notifications."""

    def __init__(self, client: Client) -> None:
        self.received: list[dict[str, Any]] = []
        self.device_id = ""
        self._client = client
        self._webhook = ""

    async def register(self, push_url: str) -> None:
        """Register as the app does."""
        answer = await self._client.post(
            "mobile_app/registrations",
            {
                "app_data": {"push_token": "token", "push_url": push_url},
                "app_id": "phone",
                "app_name": "Phone",
                "app_version": "1",
                "device_id": "phone",
                "device_name": "Phone",
                "manufacturer": "Phone maker",
                "model": "Phone",
                "os_name": "Some",
                "os_version": "1",
                "supports_encryption": False,
            },
        )
        self._webhook = answer["webhook_id"]
        (self.device_id,) = [
            device["id"]
            for device in await self._client.call("config/device_registry/list")
            if ["mobile_app", "phone"] in device["identifiers"]
        ]

    async def push(self, request: web.Request) -> web.Response:
        """Receive a notification, in place of the push service."""
        self.received.append(await request.json())
        return web.json_response({}, status=201)

    async def reply(self, notification: dict[str, Any], text: str) -> None:
        """Answer a notification with a text."""
        (field,) = [
            action
            for action in notification["data"]["actions"]
            if action.get("behavior") == "textInput"
        ]
        await self._client.post(
            f"webhook/{self._webhook}",
            {
                "type": "fire_event",
                "data": {
                    "event_type": "mobile_app_notification_action",
                    "event_data": {"action": field["action"], "reply_text": text},
                },
            },
        )


@asynccontextmanager
async def _served(phone: Phone) -> AsyncIterator[TestServer]:
    """Serve the blueprints and the push address of the phone."""
    app = web.Application()
    app.router.add_static("/blueprints", BLUEPRINTS)
    app.router.add_post("/push", phone.push)
    server = TestServer(app)
    async with server:
        yield server


async def _import(client: Client, server: TestServer, name: str) -> str:
    """Import a blueprint by its address; return its path."""
    url = str(server.make_url(f"/blueprints/{name}.yaml"))
    found = await client.call("blueprint/import", url=url)
    assert not found["validation_errors"]
    path = f"{DOMAIN}/{name}.yaml"
    await client.call(
        "blueprint/save",
        domain="automation",
        path=path,
        yaml=found["raw_data"],
        source_url=url,
    )
    return path


async def _automate(client: Client, name: str, **config: Any) -> None:
    await client.post(f"config/automation/config/{name}", {"alias": name} | config)


async def _devices(client: Client) -> dict[str, dict[str, str]]:
    """Return the devices of printers, units and slots by their identifier."""
    return {
        identifier: device
        for device in await client.call("config/device_registry/list")
        for domain, identifier in device["identifiers"]
        if domain == DOMAIN
    }


async def _notes(client: Client) -> list[tuple[str, str]]:
    shown = await client.call("persistent_notification/get")
    return [(note["title"], note["message"]) for note in shown]


async def _noted(client: Client, note: tuple[str, str], seconds: float) -> None:
    """Wait for a notification."""
    try:
        async with asyncio.timeout(seconds):
            while note not in await _notes(client):
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"{note} is not among {await _notes(client)}")


def _run(kind: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an automation that fires an event with its trigger's data."""
    options = {"options": more.pop("options")} if "options" in more else {}
    return {
        "mode": "queued",
        "triggers": [{"trigger": f"{DOMAIN}.{kind}", "target": target} | options],
        "actions": [
            {
                "event": "automation_ran",
                "event_data": {
                    "name": "{{ this.attributes.id }}",
                    "event_id": "{{ trigger.event_id }}",
                    "slot": "{{ trigger.slot.slot_no }}",
                    "device_id": "{{ trigger.device_id }}",
                    "late": "{{ trigger.meta.detected_late }}",
                },
            }
        ],
    } | more


@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_native_triggers_run_on_their_slots_and_for_late_events_too(
    home_assistant: HomeAssistant, environment: Path
) -> None:
    # The oldest Home Assistant cannot leave anything out of a target.
    but_slot_3 = environment == NEWEST
    client = home_assistant.client
    ran: list[tuple[str, int, bool]] = []

    def note(event: dict[str, Any]) -> None:
        data = event["data"]
        ran.append((data["name"], data["slot"], data["late"]))

    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        await _known(client, printer)
        devices = await _devices(client)
        unit = hardware.units[1].serial
        the_printer = {"device_id": devices[hardware.serial]["id"]}
        the_unit = {"device_id": devices[f"{hardware.serial}_{unit}"]["id"]}
        slot_3 = {"device_id": devices[f"{hardware.serial}_{unit}_3"]["id"]}
        another = {
            "device_id": devices[f"{hardware.serial}_{hardware.units[2].serial}"]["id"]
        }
        material = {"options": {"material": ["PLA"]}}
        known = {
            "conditions": [
                {"condition": f"{DOMAIN}.spool_is_known", "target": slot_3},
                {"condition": f"{DOMAIN}.slot_holds_material", "target": slot_3}
                | material,
            ]
        }
        automations = {
            "inserted_slot": _run("spool_inserted", slot_3, **known),
            "inserted_printer": _run("spool_inserted", the_printer, **material),
            "inserted_another": _run("spool_inserted", another),
            "removed_unit": _run("spool_removed", the_unit),
            "removed_runout": _run(
                "spool_removed", the_unit, options={"reason": "runout"}
            ),
            "unknown_unit": _run("unknown_spool_detected", the_unit),
            "unknown_another": _run("unknown_spool_detected", another),
        }
        if but_slot_3:
            automations["inserted_excluded"] = _run(
                "spool_inserted", the_printer | {"exclude": slot_3}
            )
        for name, config in automations.items():
            await _automate(client, name, **config)
        offered = await client.call("get_triggers_for_target", target=the_printer)
        assert {f"{DOMAIN}.spool_inserted", f"{DOMAIN}.unknown_spool_detected"} <= {
            *offered
        }
        await client.on_event("automation_ran", note)

        await printer.play(hardware.insert(1, 3, WHITE))
        assert await wait_until(lambda: len(ran) >= 2, 90)
        assert sorted(ran) == [
            ("inserted_printer", 3, False),
            ("inserted_slot", 3, False),
        ]
        await printer.play(hardware.swap(1, 3, PLAIN_SPOOL, pause=10))
        assert await wait_until(lambda: len(ran) >= 4, 90)
        assert sorted(ran[2:]) == [
            ("removed_unit", 3, False),
            ("unknown_unit", 3, False),
        ]

        await home_assistant.kill()
        await printer.play(hardware.swap(1, 1, BLACK), speed=100)
        ran.clear()
        await home_assistant.start(until_running=False)
        client = home_assistant.client
        await client.on_event("automation_ran", note)
        assert await wait_until(lambda: len(ran) >= (2 if but_slot_3 else 1), 90)
        await asyncio.sleep(REMOVAL_CONFIRMED)

        # The inserted spool was no PLA, and not in the slot of the other automations.
        excluded = [("inserted_excluded", 1, True)] if but_slot_3 else []
        assert ran == [("removed_unit", 1, True), *excluded]
        traces = await client.call(
            "trace/list", domain="automation", item_id="inserted_printer"
        )
        trace = await client.call(
            "trace/get",
            domain="automation",
            item_id="inserted_printer",
            run_id=traces[-1]["run_id"],
        )
        assert "other_material" in json.dumps(trace)
        _assert_no_errors(home_assistant)


@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_every_blueprint_can_be_imported_and_works(
    with_a_phone: HomeAssistant,
) -> None:
    client = with_a_phone.client
    phone = Phone(client)
    async with BambuPrinter(x1c(), chatter=1.0) as printer, _served(phone) as server:
        hardware = printer.hardware
        await phone.register(str(server.make_url("/push")))
        await add_printer(client, printer)
        await _known(client, printer)
        unit = hardware.units[1].serial
        (humidity,) = [
            entity["entity_id"]
            for entity in await client.call("config/entity_registry/list")
            if entity["unique_id"] == f"{hardware.serial}_{unit}_humidity"
        ]
        inputs: dict[str, dict[str, Any]] = {
            "announce_scanned_spool": {},
            "announce_spool_changes": {},
            "ask_which_spool": {"phone": phone.device_id},
            "feeding_slot_ran_out": {},
            "humidity_too_high": {
                "sensors": [humidity],
                "limit": 60,
                "duration": {"seconds": 1},
            },
            # They are tried with an inventory in tests/inventory.
            "order_new_filament": {},
            "set_slot_to_its_spool": {"setting": []},
        }
        # That for Assist is in test_llm.py.
        assert {path.stem for path in BLUEPRINTS.glob("*.yaml")} == {
            *inputs,
            "answer_where_a_spool_is",
        }
        for name, given in inputs.items():
            path = await _import(client, server, name)
            await _automate(client, name, use_blueprint={"path": path, "input": given})

        devices = await _devices(client)
        name = devices[hardware.serial]["name"]
        unit_name = devices[f"{hardware.serial}_{unit}"]["name"]

        hardware.units[1].humidity = 71
        await printer.play(hardware.insert(1, 3, PLAIN_SPOOL))
        await _noted(
            client,
            ("Spool inserted", f"A spool was inserted into {name} · A3."),
            20,
        )
        assert await wait_until(lambda: len(phone.received) >= 1, 90)
        await phone.reply(phone.received[0], "12")

        await printer.play(hardware.start_print(1, 1))
        await printer.play(hardware.run_out(1, 1, 2))
        await _noted(
            client,
            (
                f"{name} · A1 ran out",
                (
                    f"PLA Basic in {name} · A1 ran out during a print."
                    " The same material is in Slot B1."
                ),
            ),
            20,
        )
        await printer.play(hardware.remove(1, 3))
        assert await wait_until(
            lambda: phone.received[-1]["message"] == "clear_notification", 20
        )
        await _noted(
            client,
            (
                f"{unit_name}: humidity too high",
                f"The humidity in {unit_name} is 71 %, above 60 %.",
            ),
            70,
        )
        await client.call(
            "fire_event",
            event_type="tag_scanned",
            event_data={"tag_id": "13", "name": None, "device_id": None},
        )
        await _noted(
            client,
            (
                "Insert the spool",
                "spoolman:13: insert it into a printer within 5 minutes.",
            ),
            20,
        )
        _assert_no_errors(with_a_phone)


def _assert_no_errors(home_assistant: HomeAssistant) -> None:
    assert [
        line for line in home_assistant.log().splitlines() if " ERROR " in line
    ] == []


async def _known(client: Client, printer: BambuPrinter) -> None:
    """Wait until the slots of the printer exist."""
    async with asyncio.timeout(90):
        while not await slots(client, printer.hardware.serial):
            await asyncio.sleep(0.1)
