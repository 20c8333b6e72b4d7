"""Repairs of an inventory: issues by the health of its server, and by ids with new spools."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
import probatio

from .const import DOMAIN
from .inventory.base import InventoryErrorCode, InventoryStatus
from .inventory.health import InventoryHealth
from .inventory.identities import Identities
from .repairs_store import async_clear_issue

if TYPE_CHECKING:
    # It raises these issues.
    from .inventory_entry import InventoryConfigEntry

# The first of the ids that are shown; the others are counted.
_IDS_SHOWN: Final = 10
_UNREADABLE: Final = "inventory_unreadable_spools"
_REUSED: Final = "inventory_reused_ids"
_EXCHANGED: Final = "inventory_exchanged"

# Errors that raise an issue. Refused credentials start a reauthentication instead, and an
# error of the inventory itself is in the log.
_ERRORS: Final = frozenset(InventoryErrorCode) - {
    InventoryErrorCode.INVALID_AUTH,
    InventoryErrorCode.UNKNOWN,
}
# No restart of a server or of a proxy causes these.
_AT_ONCE: Final = frozenset(
    {InventoryErrorCode.REDIRECTED, InventoryErrorCode.HOST_REFUSED}
)
_NO_ERROR: Final = (
    InventoryStatus.RUNNING,
    InventoryStatus.STOPPING,
    InventoryStatus.STOPPED,
)


class ConfirmIdsFlow(RepairsFlow):
    """Shows which ids have another spool, until the user confirms it."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show the form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Note that the user knows."""
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_removed")
        if user_input is not None:
            entry.runtime_data.async_confirm()
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=probatio.Schema({}),
            description_placeholders=issue.translation_placeholders if issue else None,
        )


# The issues by translation key, and the flow that ends each, where one can: the others
# end with their causes.
INVENTORY_ISSUES: Final[Mapping[str, type[RepairsFlow] | None]] = {
    **{f"inventory_{code}": None for code in sorted(_ERRORS)},
    _UNREADABLE: None,
    _REUSED: ConfirmIdsFlow,
    _EXCHANGED: ConfirmIdsFlow,
}


@callback
def async_show_inventory_issues(
    hass: HomeAssistant,
    entry: InventoryConfigEntry,
    health: InventoryHealth | None,
    identities: Identities,
    used: frozenset[int],
) -> None:
    """Raise the issues of an inventory, and clear all others.

    health: None while it is not running, which has no issues. used: the ids that slots
    and links know spools by: what becomes of the others concerns nothing.
    """
    wanted = {} if health is None else _wanted(health, identities, used)
    for key in INVENTORY_ISSUES:
        issue_id = f"{key}_{entry.entry_id}"
        if key not in wanted:
            async_clear_issue(hass, issue_id)
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=INVENTORY_ISSUES[key] is not None,
            severity=ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders={"name": entry.title, **wanted[key]},
            data={"entry_id": entry.entry_id},
        )


@callback
def async_forget_inventory_issues(
    hass: HomeAssistant, entry: InventoryConfigEntry
) -> None:
    """Delete the issues of a removed entry, ignored ones included."""
    for key in INVENTORY_ISSUES:
        ir.async_delete_issue(hass, DOMAIN, f"{key}_{entry.entry_id}")


def _wanted(
    health: InventoryHealth, identities: Identities, used: frozenset[int]
) -> dict[str, dict[str, str]]:
    """Return the issues to raise, each with its own placeholders."""
    wanted: dict[str, dict[str, str]] = {}
    error = health["last_error"]
    if error is not None and health["status"] not in _NO_ERROR:
        lasting = health["circuit"] != "closed" or error["code"] in _AT_ONCE
        if lasting and error["code"] in _ERRORS:
            # The message of a redirect is its target.
            wanted[f"inventory_{error['code']}"] = {"target": error["message"]}
    if health["unreadable"]:
        wanted[_UNREADABLE] = {"count": str(health["unreadable"])}
    ids = identities.reused & used
    if identities.exchanged and ids:
        wanted[_EXCHANGED] = {}
    elif ids:
        wanted[_REUSED] = {"ids": shown_ids(ids)}
    return wanted


def shown_ids(ids: Iterable[int]) -> str:
    """Return the first of some ids, as a text."""
    ordered = sorted(ids)
    shown = ", ".join(map(str, ordered[:_IDS_SHOWN]))
    return f"{shown} …" if len(ordered) > _IDS_SHOWN else shown
