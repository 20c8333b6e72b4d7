"""Who may do what: every action and websocket command, by kind of user."""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.auth.permissions.models import PermissionLookup
from homeassistant.components.websocket_api.const import DOMAIN as WEBSOCKET
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    CLIENT_ID,
    MockConfigEntry,
    MockUser,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    SERIAL,
    UNIT_SERIAL,
    async_connected_entry,
    async_set_up,
    command_fields,
    make_entry,
)
from .test_services import device_of

pytestmark = pytest.mark.usefixtures("scripted_driver")

PAGE = Path(__file__).parents[1] / "docs" / "actions.md"
# The columns of the table, and the group of the user; None without signing in.
KINDS: Mapping[str, str | None] = {
    "Administrator": GROUP_ID_ADMIN,
    "User": GROUP_ID_USER,
    "Read-only user": GROUP_ID_READ_ONLY,
    "Not signed in": None,
}
LINKS = ("link_spool", "unlink_spool")
SINCE = {"start_time": "2026-01-01T00:00:00+00:00"}


def _table() -> dict[str, dict[str, bool]]:
    """Return the documented rights: by action or command and by kind of user."""
    text = PAGE.read_text().partition("## Who may do what")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert head[1:] == list(KINDS)
    return {
        name: {
            kind: {"yes": True, "no": False}[cell]
            for kind, cell in zip(head[1:], row[1:], strict=True)
        }
        for row in rows
        for name in re.findall(r"`([^`]+)`", row[0])
    }


RIGHTS = _table()


@pytest.fixture
async def entry(hass: HomeAssistant, hass_owner_user: MockUser) -> MockConfigEntry:
    """A connected printer, another that was removed, and a folder for exports.

    The first user of a house would be its owner, who may do everything.
    """
    hass.config.allowlist_external_dirs = {hass.config.config_dir}
    entry = await async_connected_entry(hass)
    await async_remove_another(hass)
    return entry


async def async_remove_another(hass: HomeAssistant) -> None:
    """Let printer 2 be one that was removed."""
    handler = async_shared_core(hass).handler
    printer_id = await handler.register_printer("OTHER", "P1S", "scripted", "removed")
    assert printer_id == 2
    await handler.mark_deleted(printer_id)


def action_data(
    hass: HomeAssistant, entry: MockConfigEntry
) -> dict[str, dict[str, Any]]:
    """Return valid data for the actions that require any."""
    printer = {"device_id": device_of(hass, entry, SERIAL)}
    tagged = {"device_id": device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_1")}
    slot = {"device_id": device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_2")}
    return {
        "find_spool": {"text": "PLA"},
        "explain_slot": slot,
        "refresh": printer,
        "restart_driver": printer,
        "invoke": printer | {"capability": "echo", "payload": {"text": "hello"}},
        "assign_spool": slot | {"external_id": "spoolman:12"},
        "expect_spool": {"external_id": "spoolman:12"},
        "link_spool": tagged | {"external_id": "spoolman:12"},
        "unlink_spool": tagged,
        "refire_events": SINCE,
        "delete_printer_history": {"printer_id": 2},
        "replay_events": SINCE,
        "export": SINCE | {"path": hass.config.path("history")},
    }


async def _token(hass: HomeAssistant, group: str) -> str:
    """Return the access token of a new user of this group."""
    user = await hass.auth.async_create_user("Test", group_ids=[group])
    refresh = await hass.auth.async_create_refresh_token(user, CLIENT_ID)
    return hass.auth.async_create_access_token(refresh)


async def test_the_table_lists_every_action_and_every_command(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    actions = set(hass.services.async_services_for_domain(DOMAIN))
    commands = {name for name in hass.data[WEBSOCKET] if name.startswith(DOMAIN)}

    assert set(RIGHTS) == actions | commands


@pytest.mark.parametrize("kind", KINDS)
async def test_an_action_can_be_called_by_whom_the_table_names(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    entry: MockConfigEntry,
    kind: str,
) -> None:
    assert await async_setup_component(hass, "api", {})
    client = await hass_client_no_auth()
    group = KINDS[kind]
    headers = {"Authorization": f"Bearer {await _token(hass, group)}"} if group else {}
    data = action_data(hass, entry)

    allowed = {}
    for action in (name for name in RIGHTS if "/" not in name):
        answer = await client.post(
            f"/api/services/{DOMAIN}/{action}?return_response",
            json=data.get(action, {}),
            headers=headers,
        )
        # Without an inventory there is nothing to link: who may gets that far.
        may = (200, 400) if action in LINKS else (200,)
        assert answer.status in (*may, 401), (action, await answer.text())
        allowed[action] = answer.status != 401

    assert allowed == {name: RIGHTS[name][kind] for name in allowed}


@pytest.mark.parametrize("kind", [kind for kind, group in KINDS.items() if group])
async def test_a_command_can_be_sent_by_whom_the_table_names(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    entry: MockConfigEntry,
    kind: str,
) -> None:
    client = await hass_ws_client(hass, await _token(hass, str(KINDS[kind])))

    allowed = {}
    for command in (name for name in RIGHTS if "/" in name):
        fields = command_fields(entry).get(command, {})
        await client.send_json_auto_id({"type": command, **fields})
        answer = await client.receive_json()
        while answer["type"] != "result":
            answer = await client.receive_json()
        assert answer["success"] or answer["error"]["code"] == "unauthorized"
        allowed[command] = answer["success"]

    assert allowed == {name: RIGHTS[name][kind] for name in allowed}


@pytest.mark.parametrize("expected_lingering_timers", [True])
@pytest.mark.parametrize("command", [name for name in RIGHTS if "/" in name])
async def test_no_command_is_answered_before_the_user_signed_in(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    entry: MockConfigEntry,
    command: str,
) -> None:
    assert await async_setup_component(hass, WEBSOCKET, {})
    client = await hass_client_no_auth()
    async with client.ws_connect("/api/websocket") as socket:
        assert (await socket.receive_json())["type"] == "auth_required"
        await socket.send_json({"id": 1, "type": command})

        answer = await socket.receive_json()

    assert answer["type"] == "auth_invalid"
    assert not any(RIGHTS[command][kind] for kind, group in KINDS.items() if not group)


async def _act(hass: HomeAssistant, user: str | None, action: str, **data: Any) -> None:
    await hass.services.async_call(
        DOMAIN, action, data, True, Context(user_id=user), return_response=True
    )


def _controls(hass: HomeAssistant, user: MockUser, *device_ids: str) -> None:
    """Let the user control the entities of these devices, and nothing else."""
    user.perm_lookup = PermissionLookup(er.async_get(hass), dr.async_get(hass))
    user.mock_policy(
        {"entities": {"device_ids": {key: {"control": True} for key in device_ids}}}
    )


async def test_the_right_to_control_the_device_is_what_counts(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: MockUser
) -> None:
    """Also where every entity of it is disabled."""
    user = hass_read_only_user.id
    slot = device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_2")
    other = device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_3")
    registry = er.async_get(hass)
    for entity in er.async_entries_for_device(registry, slot):
        registry.async_update_entity(
            entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )
    _controls(hass, hass_read_only_user, slot)

    await _act(hass, user, "assign_spool", device_id=slot, external_id="spoolman:12")
    await _act(hass, user, "refresh", device_id=[slot])
    for action, data in (
        ("assign_spool", {"device_id": other}),
        ("refresh", {"device_id": [slot, other]}),
        ("expect_spool", {"external_id": "spoolman:12"}),
    ):
        with pytest.raises(Unauthorized):
            await _act(hass, user, action, **data)


async def test_a_spool_is_expected_in_any_printer_by_who_controls_them_all(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: MockUser
) -> None:
    second = make_entry("00M09A000000002")
    await async_set_up(hass, second)
    printers = [
        device_of(hass, entry, SERIAL),
        device_of(hass, second, "00M09A000000002"),
    ]
    spool = {"external_id": "spoolman:12"}
    user = hass_read_only_user

    _controls(hass, user, printers[0])
    await _act(hass, user.id, "expect_spool", **spool, device_id=printers[0])
    for more in ({}, {"device_id": printers[1]}):
        with pytest.raises(Unauthorized):
            await _act(hass, user.id, "expect_spool", **spool, **more)

    _controls(hass, user, *printers)
    await _act(hass, user.id, "expect_spool", **spool)


@pytest.mark.parametrize("action", ["refresh", "assign_spool", "restart_driver"])
async def test_an_automation_may_and_a_user_who_is_gone_may_not(
    hass: HomeAssistant, entry: MockConfigEntry, action: str
) -> None:
    data = action_data(hass, entry)[action]

    await _act(hass, None, action, **data)
    with pytest.raises(UnknownUser):
        await _act(hass, "0" * 32, action, **data)
