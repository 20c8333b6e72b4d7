"""Repairs: raised and cleared by how the driver stands."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import AsyncMock

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
    ProbeResult,
)
from custom_components.filament_slots.repairs import REPAIRS

from .common import SERIAL, async_set_up, async_show, driver_of, make_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

OTHERS = [code for code in ErrorCode if code not in REPAIRS]


def _issues(issue_registry: ir.IssueRegistry) -> dict[str, ir.IssueEntry]:
    """Return our issues by translation key."""
    return {
        str(issue.translation_key): issue
        for (domain, _), issue in issue_registry.issues.items()
        if domain == DOMAIN
    }


@pytest.mark.parametrize("code", REPAIRS)
async def test_an_issue_is_there_as_long_as_its_cause(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, code: ErrorCode
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    assert not _issues(issue_registry)

    await async_show(hass, entry, DriverStatus.RECONNECTING, error=code)
    issue = _issues(issue_registry)[code]
    assert issue.translation_placeholders == {"name": "X1C", "host": "192.0.2.1"}
    assert issue.is_fixable is (code is ErrorCode.NEW_CERTIFICATE)

    await async_show(hass, entry, DriverStatus.RUNNING)
    assert not _issues(issue_registry)


async def test_an_issue_gives_way_to_another_cause(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    for code in REPAIRS:
        await async_show(hass, entry, DriverStatus.RECONNECTING, error=code)
        assert list(_issues(issue_registry)) == [code]


@pytest.mark.parametrize("code", OTHERS)
async def test_what_the_user_cannot_put_right_here_is_no_issue(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry, code: ErrorCode
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    await async_show(hass, entry, DriverStatus.RECONNECTING, error=code)

    assert not _issues(issue_registry)


async def test_an_issue_goes_with_its_entry(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.WRONG_PRINTER
    )

    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    assert not _issues(issue_registry)


class _Fix:
    """The fix flow, as the frontend drives it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._flow_id = ""

    async def start(self, issue_id: str) -> Mapping[str, Any]:
        return await self._post(
            "/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue_id}
        )

    async def confirm(self, **user_input: str) -> Mapping[str, Any]:
        return await self._post(f"/api/repairs/issues/fix/{self._flow_id}", user_input)

    async def _post(self, url: str, data: dict[str, Any]) -> Mapping[str, Any]:
        response = await self._client.post(url, json=data)
        assert response.status == 200
        result: dict[str, Any] = await response.json()
        self._flow_id = result["flow_id"]
        return result


@pytest.fixture
async def new_certificate(hass: HomeAssistant) -> MockConfigEntry:
    """A printer that shows another certificate than the entry keeps."""
    assert await async_setup_component(hass, "repairs", {})
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.NEW_CERTIFICATE
    )
    return entry


@pytest.fixture
async def fix(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    new_certificate: MockConfigEntry,
) -> _Fix:
    """The fix flow, shown to the user."""
    fix = _Fix(await hass_client())
    result = await fix.start(f"new_certificate_{new_certificate.entry_id}")
    assert result["type"] == FlowResultType.FORM
    assert result["step_id"] == "confirm"
    assert result["description_placeholders"] == {"name": "X1C", "host": "192.0.2.1"}
    return fix


async def test_an_accepted_certificate_is_kept_and_the_driver_started_with_it(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    new_certificate: MockConfigEntry,
    fix: _Fix,
) -> None:
    before = driver_of(new_certificate)

    result = await fix.confirm()
    await hass.async_block_till_done()

    assert result["type"] == FlowResultType.CREATE_ENTRY
    assert not _issues(issue_registry)
    assert new_certificate.data == make_entry().data | {
        "certificate": f"certificate of {SERIAL}"
    }
    assert before.stopped
    after = driver_of(new_certificate)
    assert after.config.certificate == f"certificate of {SERIAL}"
    assert after.started


async def test_the_certificate_is_fetched_anew_when_the_user_agrees(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    new_certificate: MockConfigEntry,
    fix: _Fix,
) -> None:
    found = ProbeResult(identity=SERIAL, name="X1C", config={"certificate": "latest"})
    probe = AsyncMock(return_value=found)
    monkeypatch.setattr(type(driver_of(new_certificate)), "probe", probe)

    await fix.confirm()
    await hass.async_block_till_done()

    assert "certificate" not in probe.call_args.args[0]
    assert new_certificate.data["certificate"] == "latest"


async def test_a_reset_printer_has_a_new_code_as_well(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: _Fix
) -> None:
    await fix.confirm(access_code="87654321")
    await hass.async_block_till_done()

    assert new_certificate.data["access_code"] == "87654321"
    assert new_certificate.data["certificate"] == f"certificate of {SERIAL}"


async def test_a_code_that_cannot_be_one_is_refused(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: _Fix
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
async def test_nothing_is_trusted_that_is_not_the_same_printer(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    issue_registry: ir.IssueRegistry,
    new_certificate: MockConfigEntry,
    fix: _Fix,
    outcome: Exception | ProbeResult,
    error: str,
) -> None:
    probe = AsyncMock(side_effect=[outcome])
    with monkeypatch.context() as patch:
        patch.setattr(type(driver_of(new_certificate)), "probe", probe)
        result = await fix.confirm()

    assert result["type"] == FlowResultType.FORM
    assert result["errors"] == {"base": error}
    assert new_certificate.data["certificate"] == "certificate"
    assert _issues(issue_registry)

    result = await fix.confirm()
    await hass.async_block_till_done()
    assert result["type"] == FlowResultType.CREATE_ENTRY


async def test_a_fix_for_a_removed_printer_ends(
    hass: HomeAssistant, new_certificate: MockConfigEntry, fix: _Fix
) -> None:
    await hass.config_entries.async_remove(new_certificate.entry_id)

    result = await fix.confirm()

    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == "entry_removed"
