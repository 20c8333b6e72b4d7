"""Why a slot reads as it does: the action `explain_slot` and its answer."""

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.filament_slots import explanation
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.drivers.explanation import (
    Change,
    Explanation,
    Pending,
    SlotExplanation,
    WaitsFor,
)
from custom_components.filament_slots.model import SlotStatus
from custom_components.filament_slots.runtime import async_shared_core
from custom_components.filament_slots.slot_spools import LinkSource
from custom_components.filament_slots.spool_finder import Problem

from .common import (
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_show,
    driver_of,
)
from .printers.bambu import BambuPrinter
from .printers.bambu_scenarios import x1c
from .real_printer import entry_of, running, set_up, until
from .test_services import UNIT, device_of, refused

AT = "2026-11-01T12:00:00Z"
DAY_BEFORE = "2026-10-31T12:00:00Z"
FOLDER = Path(explanation.__file__).parent


@pytest.fixture
async def entry(
    hass: HomeAssistant, scripted_driver: None, freezer: FrozenDateTimeFactory
) -> MockConfigEntry:
    """A connected printer: a tagged spool in A1, one without a tag in A2, A3 is empty."""
    freezer.move_to("2026-11-01T12:30:00+00:00")
    await hass.config.async_set_time_zone("UTC")
    return await async_connected_entry(hass)


def explained(slot_no: int = 3, **details: Any) -> Explanation:
    """Return the explanation of a slot of the first unit; it is empty and steady."""
    slot: SlotExplanation = {
        "ams_unit_no": 1,
        "unit_serial": UNIT_SERIAL,
        "slot_no": slot_no,
        "present": False,
        "identifiers": {},
        "departed": None,
        "not_observed": None,
        "pending": [],
        "reported": None,
        **details,  # type: ignore[typeddict-item]
    }
    return {
        "printer": {
            "last_message_at": AT,
            "changed_at": AT,
            "complete": True,
            "frozen": False,
            "source": None,
            "wire": {},
            "refused": [],
        },
        "slots": [slot],
    }


def reported(**decoded: Any) -> dict[str, Any]:
    """Return a report of a slot at a time."""
    slot = {"present": False, "has_sensor": True, **decoded}
    return {"reported": {"since": AT, "decoded": slot, "wire": None}}


def change(name: str, waits_for: str, since: str | None, until: str | None) -> Any:
    """Return the details of a slot with a pending change."""
    pending: Pending = {
        "change": name,  # type: ignore[typeddict-item]
        "since": since,
        "until": until,
        "waits_for": waits_for,  # type: ignore[typeddict-item]
    }
    return {"pending": [pending]}


async def explain(hass: HomeAssistant, device_id: str, **call: Any) -> Any:
    """Call the action and return its response, which is plain JSON."""
    response = await hass.services.async_call(
        DOMAIN,
        "explain_slot",
        {"device_id": device_id},
        blocking=True,
        return_response=True,
        **call,
    )
    return json.loads(json.dumps(response))


async def answer(hass: HomeAssistant, entry: MockConfigEntry, slot_no: int = 3) -> str:
    """Return the answer about a slot of the first unit, without its first sentences."""
    device_id = device_of(hass, entry, f"{UNIT}_{slot_no}")
    text: str = (await explain(hass, device_id))["answer"]
    return text.removeprefix("A3 is empty. Its contents last changed at 12:00:00. ")


async def test_a_slot_is_explained_with_its_state_and_the_report_of_its_printer(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    driver_of(entry).explanation = explained(1, present=True, identifiers=TAG)

    response = await explain(hass, device_of(hass, entry, f"{UNIT}_1"))

    assert response["answer"] == (
        "A1 holds an identified spool. Its contents last changed at 12:00:00. "
        "Nothing is pending."
    )
    assert response["slot"]["label"] == "A1"
    assert response["slot"]["identifiers"] == TAG
    assert response["details"]["identifiers"] == TAG
    assert response["report"]["last_message_at"] == AT


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({}, "Nothing is pending."),
        (reported(), "Nothing is pending."),
        (
            reported(present=True) | change("insertion", "tag", AT, DAY_BEFORE),
            (
                "Since 12:00:00, the printer has reported a spool. An insertion is not "
                "confirmed yet. This began at 12:00:00. It waits for a tag to be read. It "
                "is decided at 2026-10-31 12:00:00 at the latest."
            ),
        ),
        (
            reported(present=None),
            (
                "Since 12:00:00, the printer has not reported whether there is a spool. "
                "Nothing is pending."
            ),
        ),
        (
            reported(present=None, has_sensor=False),
            "The slot has no sensor, so only its filament is shown. Nothing is pending.",
        ),
        (
            change("swap", "tag", None, None),
            (
                "It is not decided yet whether the spool was replaced by another one. It "
                "waits for a tag to be read."
            ),
        ),
        (
            {"not_observed": {"since": AT, "drying": False}},
            (
                "The slot has not been observed since 12:00:00; a change found from now on "
                "counts as detected late. Nothing is pending."
            ),
        ),
        (
            {"not_observed": {"since": None, "drying": False}},
            "The printer has not reported this slot yet. Nothing is pending.",
        ),
        (
            {"departed": TAG},
            (
                "The printer still reports the tag of the previous spool, which is not used "
                "until the slot has been read again. Nothing is pending."
            ),
        ),
    ],
)
async def test_the_answer_states_what_is_reported_and_pending(
    hass: HomeAssistant, entry: MockConfigEntry, details: dict[str, Any], text: str
) -> None:
    driver_of(entry).explanation = explained(**details)

    assert await answer(hass, entry) == text


async def test_the_answer_names_a_report_that_differs_from_what_is_confirmed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    driver_of(entry).explanation = explained(
        2, **reported(), **change("removal", "time", AT, AT)
    )

    assert await answer(hass, entry, 2) == (
        "A2 holds a spool that could not be identified. Its contents last changed at "
        "12:00:00. Since 12:00:00, the printer has reported no spool. A removal is not "
        "confirmed yet. This began at 12:00:00. It is confirmed if it lasts. It is "
        "decided at 12:00:00 at the latest."
    )


async def test_the_answer_names_the_end_of_drying(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    driver_of(entry).explanation = explained(
        not_observed={"since": AT, "drying": True},
        **change("removal", "drying", None, None),
    )

    text = await answer(hass, entry)

    assert text.startswith("Its unit is drying")
    assert text.endswith("It waits for the end of drying.")


async def test_the_answer_counts_what_was_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    explanation = explained()
    explanation["printer"]["refused"] = [
        {"reason": "a report that all units are gone", "count": 2, "last_at": AT},
        {"reason": "ams has the wrong type", "count": 1, "last_at": AT},
    ]
    driver_of(entry).explanation = explanation

    assert await answer(hass, entry) == (
        "Nothing is pending. Reports or values that were not used: 3, listed under "
        "refused."
    )


async def test_the_answer_is_about_the_last_known_state_while_not_connected(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_show(hass, entry, DriverStatus.RECONNECTING)

    assert await answer(hass, entry) == (
        "The printer is not connected, so this is the last known state. The driver has "
        "no more details about this slot."
    )


async def test_a_slot_without_a_sensor_is_explained(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    driver_of(entry).explanation = explained(1, ams_unit_no=None, unit_serial=None)

    response = await explain(hass, device_of(hass, entry, f"{SERIAL}_direct_1"))

    assert response["answer"].startswith("It is not known whether Ext holds a spool.")
    assert response["details"]["ams_unit_no"] is None


async def test_the_answer_is_in_the_language_of_home_assistant(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config.language = "de"
    driver_of(entry).explanation = explained()

    response = await explain(hass, device_of(hass, entry, f"{UNIT}_3"))

    assert response["answer"] == (
        "A3 ist leer. Letzte Änderung des Inhalts: 12:00:00. Es steht nichts aus."
    )


async def test_any_user_may_ask_and_nothing_is_logged(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: MockUser
) -> None:
    context = Context(user_id=hass_read_only_user.id)

    assert await explain(hass, device_of(hass, entry, f"{UNIT}_3"), context=context)

    assert not await read_audit(async_shared_core(hass).store, 10)


async def test_only_the_slot_of_a_loaded_printer_is_explained(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_3")
    for unique_id in (SERIAL, UNIT):
        device_id = device_of(hass, entry, unique_id)
        assert await refused(hass, "explain_slot", device_id=device_id) == "not_a_slot"
    for data in ({}, {"device_id": slot, "more": 1}):
        with pytest.raises(probatio.Invalid):
            await hass.services.async_call(
                DOMAIN, "explain_slot", data, blocking=True, return_response=True
            )
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN, "explain_slot", {"device_id": slot}, blocking=True
        )
    await hass.config_entries.async_unload(entry.entry_id)
    assert (
        await refused(hass, "explain_slot", device_id=slot)
        == "service_config_entry_not_loaded"
    )


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_sentence_has_a_text_and_no_text_is_left_over(language: str) -> None:
    texts = json.loads((FOLDER / "translations" / f"{language}.json").read_text())
    source = (FOLDER / "explanation.py").read_text()
    kinds = {
        f"{prefix}_{kind}"
        for prefix, alias in (("pending", Change), ("waits_for", WaitsFor))
        for kind in get_args(alias.__value__)
    }
    kinds |= {f"spool_{kind}" for kind in (*LinkSource, *Problem)}
    named = {
        key for key in texts["config_panel"]["explanation"] if f'"{key}"' in source
    }

    assert set(texts["config_panel"]["explanation"]) == (
        named | kinds | set(SlotStatus)
    )


async def test_a_pending_removal_of_a_real_printer_is_explained(
    hass: HomeAssistant, socket_enabled: None
) -> None:
    async with BambuPrinter(x1c(), chatter=0.2) as printer:
        entry = entry_of(printer)
        await set_up(hass, entry)
        await running(entry)
        await until(lambda: entry.runtime_data.slots)
        await printer.play(printer.hardware.remove(1, 1), speed=100)
        device_id = next(iter(entry.runtime_data.devices.slots.values()))
        async with asyncio.timeout(10):
            while not (response := await explain(hass, device_id))["details"][
                "pending"
            ]:
                await asyncio.sleep(0.01)
        await hass.config_entries.async_unload(entry.entry_id)

    assert "A removal is not confirmed yet." in response["answer"]
    details = response["details"]
    assert details["reported"]["decoded"]["present"] is False
    assert details["reported"]["wire"]["exist"] is False
    assert details["present"] is True
    (pending,) = details["pending"]
    assert (pending["change"], pending["waits_for"]) == ("removal", "time")
    assert pending["since"] < pending["until"]
    assert response["report"]["wire"]["tray_exist_bits"]
