"""Repairs of links: spools that several may be, and links that are broken."""

from typing import Any, Final, override

from homeassistant.components.repairs import RepairsFlow
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
import probatio

from .const import DOMAIN
from .core.tables.links import linked_by
from .inventory_entry import InventoryHost
from .model import NO_IDENTIFIERS
from .repairs_inventory import shown_ids
from .repairs_store import async_clear_issue
from .repairs_store_flows import StoreFlow
from .slot_spools import Slot, slot_spools, spool_in_slot
from .spool_finder import Candidate, Problem

_SPOOL: Final = "spool"


class ChooseSpoolFlow(StoreFlow):
    """Asks which spool it is that has a number or tag in common with others."""

    action = "choose_spool"

    @override
    def _outdated(self) -> str | None:
        return None if self._candidates() else "resolved"

    @override
    def _schema(self) -> probatio.Schema:
        options = [
            SelectOptionDict(value=value, label=_label(candidate))
            for value, candidate in self._candidates().items()
        ]
        selector = SelectSelector(SelectSelectorConfig(options=options))
        return probatio.Schema({probatio.Required(_SPOOL): selector})

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        ((coordinator, key), _) = _ambiguous(self.hass)[self.issue_id]
        host, target = self._candidates()[user_input[_SPOOL]]
        spool = spool_in_slot(coordinator.data.slots[key])[0] or NO_IDENTIFIERS
        if (linked := linked_by(spool)) is not None:
            await slot_spools(self.hass).async_link(linked, host, target)
        return {_SPOOL: host.external_id(target.id)}

    def _candidates(self) -> dict[str, Candidate]:
        _, candidates = _ambiguous(self.hass).get(self.issue_id, (None, ()))
        return {
            f"{host.entry.entry_id}:{spool.id}": (host, spool)
            for host, spool in candidates
        }


class RemoveLinksFlow(StoreFlow):
    """Removes the links to spools that are no longer there."""

    action = "remove_links"

    @override
    def _outdated(self) -> str | None:
        return None if self.issue_id in _broken(self.hass) else "entry_removed"

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        spools = slot_spools(self.hass)
        host = _broken(self.hass)[self.issue_id]
        links = spools.broken_links(host)
        await spools.async_unlink([link.spool for link in links])
        return {"removed": len(links)}


_AMBIGUOUS: Final = "ambiguous_spool"
_BROKEN: Final = "inventory_broken_links"
LINK_ISSUES: Final[dict[str, type[RepairsFlow]]] = {
    _AMBIGUOUS: ChooseSpoolFlow,
    _BROKEN: RemoveLinksFlow,
}


@callback
def async_setup_link_issues(hass: HomeAssistant) -> None:
    """Raise and clear the issues from now on."""
    slot_spools(hass).async_subscribe_problems(lambda: _async_update(hass))


def _ambiguous(
    hass: HomeAssistant,
) -> dict[str, tuple[Slot, tuple[Candidate, ...]]]:
    """Return the slots that several spools may be in, by the ids of their issues."""
    return {
        f"{_AMBIGUOUS}_{coordinator.devices.slots[key]}": (
            (coordinator, key),
            finding.candidates,
        )
        for (coordinator, key), finding in slot_spools(hass).problems()
        if finding.problem is Problem.AMBIGUOUS and key in coordinator.devices.slots
    }


def _broken(hass: HomeAssistant) -> dict[str, InventoryHost]:
    """Return the inventories to which links are broken, by the ids of their issues."""
    spools = slot_spools(hass)
    return {
        f"{_BROKEN}_{host.entry.entry_id}": host
        for host in spools.hosts
        if spools.broken_links(host)
    }


def _label(candidate: Candidate) -> str:
    host, spool = candidate
    about = " · ".join(filter(None, (spool.vendor, spool.name, spool.material)))
    return f"{host.entry.title}: {spool.id} {about}".strip()


@callback
def _async_update(hass: HomeAssistant) -> None:
    wanted: dict[str, tuple[str, dict[str, str]]] = {}
    for issue_id, ((coordinator, key), _) in _ambiguous(hass).items():
        wanted[issue_id] = (
            _AMBIGUOUS,
            {
                "slot": coordinator.data.slots[key].shown_label,
                "printer": coordinator.config_entry.title,
            },
        )
    for issue_id, host in _broken(hass).items():
        ids = {each.inventory_spool_id for each in slot_spools(hass).broken_links(host)}
        wanted[issue_id] = (
            _BROKEN,
            {"name": host.entry.title, "ids": shown_ids(ids)},
        )
    raised = [
        known.issue_id
        for known in ir.async_get(hass).issues.values()
        if known.domain == DOMAIN and known.translation_key in LINK_ISSUES
    ]
    for issue_id in raised:
        if issue_id not in wanted:
            async_clear_issue(hass, issue_id)
    for issue_id, (issue, placeholders) in wanted.items():
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=issue,
            translation_placeholders=placeholders,
        )
