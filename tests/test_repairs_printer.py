"""Repairs of a printer: raised and cleared by the driver's health."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import AsyncMock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
    ProbeResult,
)
from custom_components.filament_slots.repairs_printer import PRINTER_ISSUES

from .common import SERIAL, FixFlow, async_set_up, async_show, driver_of, make_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

# The health of the driver that raises each issue.
CAUSES: Mapping[str, dict[str, Any]] = {
    "new_certificate": {"error": ErrorCode.NEW_CERTIFICATE},
    "wrong_printer": {"error": ErrorCode.WRONG_PRINTER},
    "silent_printer": {"error": ErrorCode.SILENT_PRINTER},
    "closed_after_connect": {"error": ErrorCode.CLOSED_AFTER_CONNECT},
    "driver_broken": {"error": ErrorCode.DRIVER_BROKEN},
    "not_moonraker": {"error": ErrorCode.WRONG_SERVICE, "circuit": "open"},
    "redirected": {
        "last_error": {"code": "redirected", "message": "https://voron.lan/", "at": ""}
    },
    "tls_failed": {"error": ErrorCode.TLS_FAILED, "circuit": "half_open"},
    "unencrypted": {"error": ErrorCode.UNENCRYPTED, "circuit": "open"},
    "unreachable": {"error": ErrorCode.CONNECTION_REFUSED, "circuit": "open"},
}
FIXABLE = {
    "new_certificate",
    "wrong_printer",
    "not_moonraker",
    "redirected",
    "tls_failed",
    "unreachable",
}
ABOUT = {"redirected": {"target": "https://voron.lan/"}}
# Errors that raise no issue: they clear by themselves, may be a printer that is off or
# starting, or start a reauthentication.
OTHERS = [
    *({"error": code} for code in ErrorCode if code not in PRINTER_ISSUES),
    {"error": ErrorCode.CONNECTION_TIMEOUT, "circuit": "open"},
    {"error": ErrorCode.HOST_NOT_FOUND, "circuit": "open"},
    {"error": ErrorCode.WRONG_SERVICE},
    {"error": ErrorCode.TLS_FAILED},
    {"error": ErrorCode.UNENCRYPTED},
]


def _issues(issue_registry: ir.IssueRegistry) -> dict[str, ir.IssueEntry]:
    """Return our issues by translation key."""
    return {
        str(issue.translation_key): issue
        for (domain, _), issue in issue_registry.issues.items()
        if domain == DOMAIN and issue.active
    }


async def _show_health(
    hass: HomeAssistant, entry: MockConfigEntry, cause: Mapping[str, Any]
) -> None:
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, **{"circuit": "closed", **cause}
    )


@pytest.mark.parametrize("code", CAUSES)
async def test_an_issue_exists_as_long_as_its_cause(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, code: str
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    assert not _issues(issue_registry)

    await _show_health(hass, entry, CAUSES[code])
    [(key, issue)] = _issues(issue_registry).items()
    assert key == code
    assert issue.translation_placeholders == {
        "name": "X1C",
        "host": "192.0.2.1",
        "driver": "scripted",
        **ABOUT.get(code, {}),
    }
    assert issue.is_fixable is (code in FIXABLE)

    await async_show(hass, entry, DriverStatus.RUNNING)
    assert not _issues(issue_registry)


async def test_an_issue_names_the_printer_as_its_device_is_named_now(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier((DOMAIN, SERIAL), entry.entry_id)
    assert device is not None
    devices.async_update_device(device.id, name_by_user="Workshop printer")

    await _show_health(hass, entry, CAUSES["wrong_printer"])

    [issue] = _issues(issue_registry).values()
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["name"] == "Workshop printer"


async def test_an_issue_is_replaced_by_that_of_another_cause(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    for code, cause in CAUSES.items():
        await _show_health(hass, entry, cause)
        assert list(_issues(issue_registry)) == [code]


@pytest.mark.parametrize("cause", OTHERS, ids=lambda cause: str(cause["error"]))
async def test_an_error_that_the_user_cannot_fix_raises_no_issue(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, cause: dict[str, Any]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    await _show_health(hass, entry, cause)

    assert not _issues(issue_registry)


async def test_a_printer_that_does_not_answer_is_an_issue_while_it_announces_itself(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    freezer: FrozenDateTimeFactory,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    silent = {"error": ErrorCode.CONNECTION_TIMEOUT, "circuit": "open"}
    entry.runtime_data.async_announced()
    await _show_health(hass, entry, silent)
    assert not _issues(issue_registry)  # It was connected when it announced itself.

    for _ in range(3):
        entry.runtime_data.async_announced()
        assert list(_issues(issue_registry)) == ["unreachable"]
        freezer.tick(50)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        assert list(_issues(issue_registry)) == ["unreachable"]

    freezer.tick(11)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert not _issues(issue_registry)


async def test_an_announcement_does_not_count_after_a_recovery(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    silent = {"error": ErrorCode.CONNECTION_TIMEOUT, "circuit": "open"}
    await _show_health(hass, entry, silent)
    entry.runtime_data.async_announced()
    await async_show(hass, entry, DriverStatus.RUNNING)

    entry.runtime_data.async_announced()

    await _show_health(hass, entry, silent)
    assert not _issues(issue_registry)


async def test_an_invalid_entry_is_an_issue_until_it_is_fixed(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry(port=70000)
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    [(key, issue)] = _issues(issue_registry).items()
    assert key == "invalid_config"
    assert not issue.is_fixable

    hass.config_entries.async_update_entry(entry, data=make_entry().data)
    assert await hass.config_entries.async_reload(entry.entry_id)

    assert not _issues(issue_registry)


async def test_a_driver_that_cannot_be_loaded_is_an_issue_until_it_can(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    with patch(
        "custom_components.filament_slots.load_driver",
        side_effect=DriverError(ErrorCode.DRIVER_BROKEN),
    ):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert list(_issues(issue_registry)) == ["driver_broken"]

    assert await hass.config_entries.async_reload(entry.entry_id)

    assert not _issues(issue_registry)


async def test_an_issue_is_cleared_with_its_entry(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["wrong_printer"])

    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    assert not _issues(issue_registry)


async def test_an_ignored_issue_stays_ignored_until_its_entry_is_removed(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["wrong_printer"])
    issue_id = f"wrong_printer_{entry.entry_id}"
    ir.async_ignore_issue(hass, DOMAIN, issue_id, True)

    await async_show(hass, entry, DriverStatus.RUNNING)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await _show_health(hass, entry, CAUSES["silent_printer"])
    await _show_health(hass, entry, CAUSES["wrong_printer"])

    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.dismissed_version is not None

    await hass.config_entries.async_remove(entry.entry_id)
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None


@pytest.fixture
async def new_certificate(hass: HomeAssistant) -> MockConfigEntry:
    """A printer that presents another certificate than the one in the entry."""
    assert await async_setup_component(hass, "repairs", {})
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.NEW_CERTIFICATE
    )
    return entry


def _presents(certificate: str) -> DriverError:
    """Return the error of a driver whose printer presents this certificate."""
    return DriverError(
        ErrorCode.NEW_CERTIFICATE,
        placeholders={"old": "AA", "new": f"fingerprint of {certificate}"},
        suggested={"certificate": certificate},
    )


@pytest.fixture
def probe(
    monkeypatch: pytest.MonkeyPatch, new_certificate: MockConfigEntry
) -> AsyncMock:
    """The driver's probe, of a printer that presents a new certificate."""

    async def answer(config: Mapping[str, Any], services: object) -> ProbeResult:
        if config["certificate"] != "another":
            raise _presents("another")
        return ProbeResult(identity=SERIAL, name="X1C")

    probe = AsyncMock(side_effect=answer)
    monkeypatch.setattr(type(driver_of(new_certificate)), "probe", probe)
    return probe


@pytest.fixture
async def fix(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    new_certificate: MockConfigEntry,
    probe: AsyncMock,
) -> FixFlow:
    """The fix flow, shown to the user."""
    fix = FixFlow(await hass_client())
    result = await fix.start(f"new_certificate_{new_certificate.entry_id}")
    assert result["type"] == FlowResultType.FORM
    assert result["step_id"] == "confirm"
    assert result["errors"] == {}
    assert result["description_placeholders"] == {
        "name": "X1C",
        "host": "192.0.2.1",
        "driver": "scripted",
        "old": "AA",
        "new": "fingerprint of another",
    }
    return fix


async def test_an_accepted_certificate_is_stored_and_used(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    new_certificate: MockConfigEntry,
    fix: FixFlow,
) -> None:
    before = driver_of(new_certificate)

    result = await fix.confirm()
    await hass.async_block_till_done()

    assert result["type"] == FlowResultType.CREATE_ENTRY
    assert not _issues(issue_registry)
    assert new_certificate.data == make_entry(certificate="another").data
    assert before.stopped
    after = driver_of(new_certificate)
    assert after.config.certificate == "another"
    assert after.started


async def test_a_certificate_other_than_the_one_that_was_shown_is_not_accepted(
    hass: HomeAssistant,
    probe: AsyncMock,
    new_certificate: MockConfigEntry,
    fix: FixFlow,
) -> None:
    probe.side_effect = _presents("yet another")

    result = await fix.confirm()

    assert result["errors"] == {"base": "new_certificate"}
    assert result["description_placeholders"]["new"] == "fingerprint of yet another"
    assert new_certificate.data["certificate"] == "certificate"

    probe.side_effect = None
    probe.return_value = ProbeResult(identity=SERIAL, name="X1C")
    await fix.confirm()
    await hass.async_block_till_done()
    assert new_certificate.data["certificate"] == "yet another"


async def test_a_printer_that_is_off_while_the_user_looks_has_no_fingerprint_yet(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    probe: AsyncMock,
    new_certificate: MockConfigEntry,
) -> None:
    probe.side_effect = DriverError(ErrorCode.CONNECTION_TIMEOUT)
    fix = FixFlow(await hass_client())
    result = await fix.start(f"new_certificate_{new_certificate.entry_id}")
    assert result["errors"] == {"base": "connection_timeout"}
    assert result["description_placeholders"]["new"] == "–"

    probe.side_effect = _presents("another")
    result = await fix.confirm()

    assert result["errors"] == {}
    assert result["description_placeholders"]["new"] == "fingerprint of another"
    assert new_certificate.data["certificate"] == "certificate"


async def test_a_known_certificate_that_is_back_ends_the_repair(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    probe: AsyncMock,
    new_certificate: MockConfigEntry,
) -> None:
    probe.side_effect = None
    probe.return_value = ProbeResult(identity=SERIAL, name="X1C")
    fix = FixFlow(await hass_client())

    result = await fix.start(f"new_certificate_{new_certificate.entry_id}")

    await hass.async_block_till_done()
    assert result["type"] == FlowResultType.CREATE_ENTRY
    assert new_certificate.data["certificate"] == "certificate"


async def test_a_new_code_can_be_entered_with_the_certificate(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: FixFlow
) -> None:
    await fix.confirm(access_code="87654321")
    await hass.async_block_till_done()

    assert new_certificate.data["access_code"] == "87654321"
    assert new_certificate.data["certificate"] == "another"


async def test_an_invalid_code_is_refused(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: FixFlow
) -> None:
    result = await fix.confirm(access_code="1" * 65)

    assert result["errors"] == {"base": "invalid_config"}
    assert new_certificate.data == make_entry().data


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (DriverError(ErrorCode.CONNECTION_TIMEOUT), "connection_timeout"),
        (DriverError(ErrorCode.WRONG_PRINTER), "wrong_printer"),
        (ProbeResult(identity="another", name="another"), "wrong_printer"),
    ],
    ids=["switched off", "another printer by its certificate", "another identity"],
)
async def test_the_certificate_of_another_printer_is_never_trusted(
    hass: HomeAssistant,
    probe: AsyncMock,
    issue_registry: ir.IssueRegistry,
    new_certificate: MockConfigEntry,
    fix: FixFlow,
    outcome: Exception | ProbeResult,
    error: str,
) -> None:
    probe.side_effect = [outcome]
    result = await fix.confirm()

    assert result["type"] == FlowResultType.FORM
    assert result["errors"] == {"base": error}
    assert result["description_placeholders"]["new"] == "fingerprint of another"
    assert new_certificate.data["certificate"] == "certificate"
    assert _issues(issue_registry)

    probe.side_effect = None
    probe.return_value = ProbeResult(identity=SERIAL, name="X1C")
    result = await fix.confirm()
    await hass.async_block_till_done()
    assert result["type"] == FlowResultType.CREATE_ENTRY


async def test_a_fix_flow_of_a_removed_printer_aborts(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: FixFlow
) -> None:
    await hass.config_entries.async_remove(new_certificate.entry_id)

    result = await fix.confirm()

    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == "entry_removed"


# A new address.


@pytest.fixture
async def lost(hass: HomeAssistant) -> MockConfigEntry:
    """A printer at whose address another one answers."""
    assert await async_setup_component(hass, "repairs", {})
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["wrong_printer"])
    return entry


@pytest.fixture
async def menu(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, lost: MockConfigEntry
) -> FixFlow:
    """Its fix flow, at the menu."""
    fix = FixFlow(await hass_client())
    result = await fix.start(f"wrong_printer_{lost.entry_id}")
    assert result["type"] == FlowResultType.MENU
    assert result["menu_options"] == ["address", "wait"]
    return fix


async def test_a_printer_is_found_at_the_address_that_the_user_enters(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    lost: MockConfigEntry,
    menu: FixFlow,
) -> None:
    result = await menu.confirm(next_step_id="address")
    assert result["step_id"] == "address"
    assert {
        field["name"]: field.get("description", {}).get("suggested_value")
        for field in result["data_schema"]
    } == {"host": "192.0.2.1", "port": 8883, "access_code": None}

    result = await menu.confirm(host="192.0.2.7", port=8883, access_code="")
    await hass.async_block_till_done()

    assert result["type"] == FlowResultType.CREATE_ENTRY
    assert lost.data["host"] == "192.0.2.7"
    assert lost.data["access_code"] == "12345678"
    assert driver_of(lost).config.host == "192.0.2.7"
    assert not _issues(issue_registry)


async def test_the_address_of_another_printer_is_refused(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    issue_registry: ir.IssueRegistry,
    lost: MockConfigEntry,
    menu: FixFlow,
) -> None:
    await menu.confirm(next_step_id="address")
    probe = AsyncMock(return_value=ProbeResult(identity="another", name="another"))
    monkeypatch.setattr(type(driver_of(lost)), "probe", probe)

    result = await menu.confirm(host="192.0.2.7", port=8883)

    assert result["errors"] == {"base": "wrong_printer"}
    assert lost.data == make_entry().data
    assert list(_issues(issue_registry)) == ["wrong_printer"]


async def test_an_issue_stays_ignored_after_the_user_chose_to_wait(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    lost: MockConfigEntry,
    menu: FixFlow,
) -> None:
    result = await menu.confirm(next_step_id="wait")

    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == "waiting"
    await _show_health(hass, lost, CAUSES["wrong_printer"])
    assert _issues(issue_registry)["wrong_printer"].dismissed_version is not None


async def test_a_fix_needs_the_driver(
    hass: HomeAssistant, lost: MockConfigEntry, menu: FixFlow
) -> None:
    hass.config_entries.async_update_entry(
        lost, data={**lost.data, "driver_key": "no_such_driver"}
    )

    result = await menu.confirm(next_step_id="address")

    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == "unknown_driver"


# An announced address.


async def test_an_announced_address_is_an_issue_until_the_printer_runs(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["unreachable"])

    entry.runtime_data.async_ask_about_address("192.0.2.7")

    [(key, issue)] = _issues(issue_registry).items()
    assert key == "new_address"
    assert issue.is_fixable
    assert issue.translation_placeholders == {
        "name": "X1C",
        "host": "192.0.2.1",
        "driver": "scripted",
        "new_host": "192.0.2.7",
    }
    await _show_health(hass, entry, {"error": ErrorCode.CONNECTION_TIMEOUT})
    assert list(_issues(issue_registry)) == ["new_address"]

    await async_show(hass, entry, DriverStatus.RUNNING)
    assert not _issues(issue_registry)
    await _show_health(hass, entry, CAUSES["unreachable"])
    assert list(_issues(issue_registry)) == ["unreachable"]


async def test_an_address_is_not_asked_about_where_another_one_would_not_help(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["unreachable"])
    entry.runtime_data.async_ask_about_address("192.0.2.7")

    await _show_health(hass, entry, CAUSES["new_certificate"])

    assert list(_issues(issue_registry)) == ["new_certificate"]


async def test_an_ignored_address_does_not_hide_another_one(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _show_health(hass, entry, CAUSES["unreachable"])
    entry.runtime_data.async_ask_about_address("192.0.2.7")
    ignored = f"new_address_{entry.entry_id}_192.0.2.7"
    ir.async_ignore_issue(hass, DOMAIN, ignored, True)

    entry.runtime_data.async_ask_about_address("192.0.2.8")

    issues = {
        issue_id: issue.dismissed_version is not None
        for (domain, issue_id), issue in issue_registry.issues.items()
        if domain == DOMAIN
    }
    assert issues == {
        ignored: True,
        f"new_address_{entry.entry_id}_192.0.2.8": False,
    }
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [domain for domain, _ in issue_registry.issues if domain == DOMAIN]
