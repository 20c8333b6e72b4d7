"""The spool library for automations, voice and dashboards: actions and websocket."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.filament_slots.const import DOMAIN

from .common import (
    NO_TAG,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)
from .test_services import device_of

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a tagged spool in A1."""
    await hass.config.async_set_time_zone("UTC")
    return await async_connected_entry(hass)


@pytest.fixture
async def client(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry: MockConfigEntry
) -> AsyncIterator[MockHAClientWebSocket]:
    """A client of the websocket."""
    client = await hass_ws_client(hass)
    yield client
    await client.close()


async def call(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Call an action; return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert response is not None
    return response


def slot_of(hass: HomeAssistant, entry: MockConfigEntry, number: int) -> str:
    """Return the device of a slot."""
    return device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_{number}")


async def test_each_spool_is_returned_with_what_is_known_and_where_it_is(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    answer = await call(hass, "get_spools")

    place = {
        "entry_id": entry.entry_id,
        "device_id": slot_of(hass, entry, 1),
        "printer": "X1C",
        "unit": UNIT_SERIAL,
        "ams_unit_no": 1,
        "slot_no": 1,
        "label": "A1",
    }
    (spool,) = answer["spools"]
    assert answer["total"] == 1
    assert spool == {
        "id": 1,
        "external_id": TAG["external_id"],
        "tag_ids": [TAG["rfid_uid"]],
        "inventory_spool": None,
        "name": "PLA Basic",
        "material": "PLA",
        "vendor": "Bambu Lab",
        "colors": ["#FF0000"],
        "remaining_percent": 80.0,
        "remaining_g": None,
        "remaining_at": spool["first_seen"],
        "remaining_from": place,
        "low": False,
        "first_seen": spool["first_seen"],
        "last_seen": spool["first_seen"],
        "out_since": None,
        "slots": [place],
        "last_slot": place,
    }


async def test_a_spool_that_left_is_out_since_then_also_without_its_printer(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, spool_event("spool_removed", 1, identifiers=TAG))
    (spool,) = (await call(hass, "get_spools", in_slot=False))["spools"]
    assert spool["slots"] == []
    assert spool["out_since"] == spool["last_seen"]
    assert spool["last_slot"]["device_id"] == slot_of(hass, entry, 1)

    # Another entry keeps the store open.
    await async_set_up(hass, make_entry("00M09A000000002"))
    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    (spool,) = (await call(hass, "get_spools"))["spools"]
    last = spool["last_slot"]
    assert (last["entry_id"], last["device_id"]) == (None, None)
    assert (last["printer"], last["label"]) == ("X1C", "A1")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"material": "pla", "vendor": "bambu lab", "low": False}, 1),
        ({"color": "red"}, 1),
        ({"color": "#F80A0A"}, 1),
        ({"color": "blue"}, 0),
        ({"in_slot": False}, 0),
        ({"text": "basic, A1"}, 1),
        ({"text": "petg"}, 0),
        ({"order": "name", "limit": 1}, 1),
    ],
)
async def test_actions_and_commands_have_the_same_filters(
    hass: HomeAssistant,
    client: MockHAClientWebSocket,
    wanted: dict[str, Any],
    found: int,
) -> None:
    await client.send_json_auto_id({"type": f"{DOMAIN}/spools", **wanted})
    answer = (await client.receive_json())["result"]

    assert len(answer["spools"]) == answer["total"] == found
    assert answer == await call(hass, "get_spools", **wanted)


async def test_a_colour_that_is_none_is_refused_with_the_names_that_are(
    hass: HomeAssistant, client: MockHAClientWebSocket
) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "get_spools", color="reddish")
    assert refused.value.translation_key == "invalid_color"
    assert "turquoise" not in str(refused.value.translation_placeholders)
    assert "cyan" in str(refused.value.translation_placeholders)

    await client.send_json_auto_id({"type": f"{DOMAIN}/spools", "color": "reddish"})
    answer = await client.receive_json()
    assert answer["error"]["code"] == "invalid_format"


async def test_an_answer_names_where_a_spool_is_and_what_is_left(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    found = await call(hass, "find_spool", text="red basic")

    assert found["answer"] == "PLA Basic (PLA, red) is in X1C A1. 80 % is left."
    assert [spool["external_id"] for spool in found["spools"]] == [TAG["external_id"]]


async def test_an_answer_is_in_the_language_of_home_assistant(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config.language = "de"

    for asked in ("rot PLA", "rotes PLA"):
        found = await call(hass, "find_spool", text=asked)

        assert found["answer"] == "PLA Basic (PLA, rot) ist in X1C A1. 80 % sind übrig."
    assert (await call(hass, "find_spool", text="rotstichig"))["total"] == 0


async def test_a_spool_without_identity_is_found_where_it_is(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    found = await call(hass, "find_spool", text="PETG")

    assert found["answer"] == "PETG is in X1C A2."
    assert [(spool["id"], spool["external_id"]) for spool in found["spools"]] == [
        (0, None)
    ]

    nameless = {"color_hex": "#FF0000", "remaining_percent": 20.0}
    first, second, *others = unit_state()["slots"]
    red = state(unit_state(slots=[first, second | {"filament": nameless}, *others]))
    await async_deliver(hass, entry, red)
    found = await call(hass, "find_spool", text="red A2")
    assert found["answer"] == "A spool (red) is in X1C A2. 20 % is left."


async def test_an_answer_names_each_slot_and_since_when_a_spool_is_out(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    grams = {"material": "PETG", "remaining_g": 250.4}
    event = spool_event(
        "spool_inserted", 2, meta={"filament": grams}, identifiers=NO_TAG
    )
    await async_deliver(hass, entry, event)
    await call(
        hass,
        "assign_spool",
        device_id=slot_of(hass, entry, 2),
        external_id="spoolman:7",
    )
    twice = slot_state(3, True, identifiers=TAG)
    await async_deliver(hass, entry, state(unit_state(slots=[twice])))

    found = await call(hass, "find_spool", text="PLA Basic")
    assert found["answer"].startswith(
        "PLA Basic (PLA, red) is reported in several slots: X1C A1, X1C A3."
    )
    found = await call(hass, "find_spool", text="spoolman:7")
    assert found["answer"] == "spoolman:7 (PETG) is in X1C A2. 250 g is left."

    gone = spool_event("spool_removed", 2, identifiers=NO_TAG)
    await async_deliver(hass, entry, gone)
    found = await call(hass, "find_spool", text="spoolman:7")
    (spool,) = found["spools"]
    since = dt_util.parse_datetime(spool["out_since"], raise_on_error=True)
    assert found["answer"] == (
        "spoolman:7 (PETG) has not been in a slot since"
        f" {since:%Y-%m-%d %H:%M}; it was last in X1C A2. 250 g is left."
    )
    assert (await call(hass, "find_spool", text="no such"))["answer"] == (
        "No spool found."
    )


async def test_an_answer_is_short_and_counts_the_spools_it_leaves_out(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for number in range(7):
        tag = {**NO_TAG, "external_id": f"spoolman:{number}"}
        await async_deliver(
            hass, entry, spool_event("spool_inserted", 2, identifiers=tag)
        )

    found = await call(hass, "find_spool", text="spoolman")

    assert len(found["spools"]) == 5
    assert found["total"] == 7
    assert found["answer"].endswith("More matches: 2.")


async def test_without_a_loaded_printer_actions_and_commands_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)

    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "get_spools")
    assert refused.value.translation_key == "no_printer_loaded"
    await client.send_json_auto_id({"type": f"{DOMAIN}/spools"})
    assert (await client.receive_json())["error"]["code"] == "not_loaded"


async def subscribed(client: MockHAClientWebSocket) -> list[dict[str, Any]]:
    """Subscribe to the spools; return the first ones."""
    await client.send_json_auto_id({"type": f"{DOMAIN}/subscribe_spools"})
    assert (await client.receive_json())["success"]
    return await changed(client)


async def changed(client: MockHAClientWebSocket) -> list[dict[str, Any]]:
    """Return the spools of the next message."""
    spools: list[dict[str, Any]] = (await client.receive_json())["event"]["spools"]
    return spools


async def a_second_passes(hass: HomeAssistant) -> None:
    """Let the subscription send what it has collected."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()


async def test_a_subscription_sends_all_spools_then_those_that_changed(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    other = {**NO_TAG, "external_id": "spoolman:2"}
    await async_deliver(
        hass, entry, spool_event("spool_inserted", 2, identifiers=other)
    )
    assert len(await subscribed(client)) == 2

    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 2, identifiers=other),
        spool_event("spool_inserted", 3, identifiers=other),
    )
    await a_second_passes(hass)

    (spool,) = await changed(client)
    assert spool["external_id"] == "spoolman:2"
    assert [slot["slot_no"] for slot in spool["slots"]] == [3]


async def test_an_assignment_is_a_change_of_its_spool(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    await async_deliver(
        hass, entry, spool_event("spool_inserted", 2, identifiers=NO_TAG)
    )
    await subscribed(client)

    await call(
        hass,
        "assign_spool",
        device_id=slot_of(hass, entry, 2),
        external_id="spoolman:7",
        label="Galaxy black",
    )
    await a_second_passes(hass)

    (spool,) = await changed(client)
    assert spool["name"] == "Galaxy black"


async def test_the_spools_of_a_removed_printer_are_sent_as_out(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    await async_set_up(hass, make_entry("00M09A000000002"))
    await subscribed(client)

    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    await a_second_passes(hass)

    (spool,) = await changed(client)
    assert spool["external_id"] == TAG["external_id"]
    assert spool["slots"] == []


async def test_a_subscription_outlives_the_store(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    """Nothing is sent while no printer is loaded."""
    await subscribed(client)
    await async_deliver(hass, entry, spool_event("spool_removed", 1, identifiers=TAG))
    assert await hass.config_entries.async_unload(entry.entry_id)
    await a_second_passes(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await async_deliver(hass, entry, spool_event("spool_inserted", 1, identifiers=TAG))
    await a_second_passes(hass)

    (spool,) = await changed(client)
    assert [slot["slot_no"] for slot in spool["slots"]] == [1]


async def test_without_a_loaded_printer_all_spools_are_sent_once_one_is_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    other = {**NO_TAG, "external_id": "spoolman:2"}
    await async_deliver(
        hass, entry, spool_event("spool_inserted", 2, identifiers=other)
    )
    assert await hass.config_entries.async_unload(entry.entry_id)
    await client.send_json_auto_id({"type": f"{DOMAIN}/subscribe_spools"})
    assert (await client.receive_json())["success"]
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await async_deliver(hass, entry, spool_event("spool_removed", 1, identifiers=TAG))
    await a_second_passes(hass)

    spools = await changed(client)
    assert {spool["external_id"]: len(spool["slots"]) for spool in spools} == {
        "spoolman:2": 1,
        TAG["external_id"]: 0,
    }


async def test_after_the_end_of_a_subscription_nothing_is_sent(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    await subscribed(client)
    await async_deliver(hass, entry, spool_event("spool_removed", 1, identifiers=TAG))
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": 1})
    assert (await client.receive_json())["success"]
    await a_second_passes(hass)

    await client.send_json_auto_id({"type": "ping"})
    assert (await client.receive_json())["type"] == "pong"


async def test_reports_that_repeat_what_is_known_are_not_sent(
    hass: HomeAssistant, entry: MockConfigEntry, client: MockHAClientWebSocket
) -> None:
    await subscribed(client)

    await async_deliver(hass, entry, state(), state(unit_state(humidity_percent=50.0)))
    await a_second_passes(hass)

    await client.send_json_auto_id({"type": "ping"})
    assert (await client.receive_json())["type"] == "pong"


async def test_tag_ids_are_not_logged(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger=f"custom_components.{DOMAIN}")
    await call(hass, "get_spools", text=TAG["rfid_uid"])
    await call(hass, "find_spool", text=TAG["external_id"])

    ours = "".join(
        record.getMessage() for record in caplog.records if DOMAIN in record.name
    )
    assert TAG["rfid_uid"] not in ours
    assert str(TAG["external_id"]).partition(":")[2] not in ours
    assert "PLA Basic" not in ours
