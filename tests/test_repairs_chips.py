"""The repair of a chip that names another spool than before."""

from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.core.tables.library import (
    SpoolFilter,
    read_spools,
)
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    FixFlow,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

CHIP = "75886B1D"
OLD, NEW = "bambulab:0123456789ABCDEF0123456789ABCDEF", "spoolman:13"


def reported(name: str | None) -> dict[str, Any]:
    """Return a report of a spool with the chip."""
    identifiers = {"rfid_uid": CHIP, "external_id": name, "vendor_tag": None}
    return state(unit_state(slots=[slot_state(1, True, identifiers=identifiers)]))


def chip_issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the issues about chips."""
    return [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.translation_key == "chip_renamed"
    ]


async def async_tags(hass: HomeAssistant) -> dict[str | None, tuple[str, ...]]:
    """Return the tags of the spools."""
    store = async_shared_core(hass).store
    found = await read_spools(store, SpoolFilter(), limit=10)
    return {spool.external_id: spool.tag_ids for spool in found.spools}


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a spool whose chip names another one now."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, reported(OLD))
    await hass.async_block_till_done()
    assert chip_issues(hass) == []
    await async_deliver(hass, entry, reported(NEW))
    await hass.async_block_till_done()
    return entry


@pytest.fixture
async def flow(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> FixFlow:
    """Return the fix flow of an issue, as the frontend drives it."""
    assert await async_setup_component(hass, "repairs", {})
    return FixFlow(await hass_client())


@pytest.mark.parametrize(("choice", "owner"), [("now", NEW), ("before", OLD)])
async def test_a_user_chooses_whose_the_chip_is(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow, choice: str, owner: str
) -> None:
    """Until then the slot shows what is reported; full ids of tags are not shown."""
    [issue] = chip_issues(hass)
    assert issue.translation_placeholders == {
        "tag": "…6B1D",
        "before": "bambulab:…CDEF",
        "now": "spoolman:13",
    }
    assert CHIP not in issue.issue_id
    slots = entry.runtime_data.data.slots.values()
    assert NEW in {slot.identifiers.external_id for slot in slots}
    assert (await async_tags(hass))[OLD] == (CHIP,)

    form = await flow.start(issue.issue_id)
    options = form["data_schema"][0]["selector"]["select"]["options"]
    assert [option["value"] for option in options] == ["now", "before"]
    assert (await flow.confirm(spool=choice))["type"] == "create_entry"

    tags = await async_tags(hass)
    assert tags[owner] == (CHIP,)
    assert len(tags) == 2
    assert chip_issues(hass) == []
    [done] = await read_audit(async_shared_core(hass).store)
    assert done.action == "choose_chip_owner"
    assert done.result.keys() == {"spool"}
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert chip_issues(hass) == []


async def test_the_question_is_asked_again_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    [issue] = chip_issues(hass)
    ir.async_delete_issue(hass, DOMAIN, issue.issue_id)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert len(chip_issues(hass)) == 1


async def test_the_question_is_settled_where_the_name_of_before_is_reported_again(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow
) -> None:
    [issue] = chip_issues(hass)
    await flow.start(issue.issue_id)
    await async_deliver(hass, entry, reported(OLD))
    await hass.async_block_till_done()

    assert chip_issues(hass) == []
    assert (await flow.confirm(spool="now"))["reason"] == "resolved"
    assert (await async_tags(hass))[OLD] == (CHIP,)


async def test_an_answer_about_another_spool_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow
) -> None:
    """The chip names a third one while the form is open."""
    [issue] = chip_issues(hass)
    await flow.start(issue.issue_id)
    await async_deliver(hass, entry, reported("spoolman:14"))
    await hass.async_block_till_done()

    assert (await flow.confirm(spool="now"))["reason"] == "resolved"
    [issue] = chip_issues(hass)
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["now"] == "spoolman:14"


async def test_while_the_store_cannot_be_read_the_issues_stay(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    with patch(
        "custom_components.filament_slots.repairs_chips.read_claims",
        side_effect=StoreError(Problem.IO_ERROR),
    ):
        await async_deliver(hass, entry, reported("spoolman:14"))
        await hass.async_block_till_done()
    assert len(chip_issues(hass)) == 1
