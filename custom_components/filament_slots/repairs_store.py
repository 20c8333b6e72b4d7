"""Repairs of the store: issues raised and cleared by its state and by what is in it."""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .core.engine.errors import Problem, StoreState

# DAMAGED lasts only while the damaged file is being replaced.
_ISSUES: Final = {
    Problem.LOCKED: "store_locked",
    Problem.READ_ONLY: "store_read_only",
    Problem.FULL: "store_full",
    Problem.IO_ERROR: "store_io_error",
    Problem.MISSING: "store_missing",
    Problem.DAMAGED: "store_io_error",
    Problem.NEWER: "store_newer",
    Problem.IN_USE: "store_in_use",
}
STORE_DAMAGED: Final = "store_damaged"
EVENTS_FAILED: Final = "events_failed"
PRINTER_REMOVED: Final = "printer_removed"
STORE_ISSUES: Final = frozenset(
    {*_ISSUES.values(), STORE_DAMAGED, EVENTS_FAILED, PRINTER_REMOVED}
)


@callback
def async_manage_store_issues(
    hass: HomeAssistant, state: StoreState, failed: int = 0
) -> None:
    """Raise the issues of the store's present state, and clear all others.

    failed: how many events could not be stored and can be retried.
    """
    problem = (
        None if state.problem is None else _ISSUES.get(state.problem, "store_io_error")
    )
    for key in set(_ISSUES.values()):
        _show(hass, key, key == problem)
    names = ", ".join(file.name for file in state.set_aside)
    folder = str(state.set_aside[0].parent) if state.set_aside else ""
    _show(hass, STORE_DAMAGED, bool(state.set_aside), files=names, folder=folder)
    _show(hass, EVENTS_FAILED, failed > 0, count=str(failed))


@callback
def async_ask_about_history(hass: HomeAssistant, printer_id: int, name: str) -> None:
    """Ask whether the history of a removed printer is kept; until a restart it is."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{PRINTER_REMOVED}_{printer_id}",
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=PRINTER_REMOVED,
        translation_placeholders={"name": name},
    )


@callback
def async_settle_history(hass: HomeAssistant, printer_id: int) -> None:
    """Ask no longer: the printer is there again, or its history is deleted."""
    async_clear_issue(hass, f"{PRINTER_REMOVED}_{printer_id}")


def _show(hass: HomeAssistant, key: str, wanted: bool, **placeholders: str) -> None:
    if not wanted:
        async_clear_issue(hass, key)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        key,
        is_fixable=key in (STORE_DAMAGED, EVENTS_FAILED),
        severity=(
            ir.IssueSeverity.WARNING if key == EVENTS_FAILED else ir.IssueSeverity.ERROR
        ),
        translation_key=key,
        translation_placeholders=placeholders or None,
    )


@callback
def async_clear_issue(hass: HomeAssistant, issue_id: str) -> None:
    """Delete an issue, unless the user ignored it: deleting would undo that."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if issue is not None and issue.dismissed_version is None:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
