"""Repairs: what only the user can put right, raised and cleared by how things stand.

Each cause has one issue a printer. What the store needs is told in a module of its own;
its fix flows are named here too, as Home Assistant asks for them all in this place.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .drivers.base import DriverStatus, ErrorCode
from .repairs_printer_flows import (
    NewAddressFlow,
    NewCertificateFlow,
    entry_placeholders,
)
from .repairs_store_flows import STORE_FLOWS

# Not what the driver met, but what that means for a printer that is switched on.
UNREACHABLE = "unreachable"

# What the user can put right about a printer, and the flow that helps, where one can.
# A refused code asks for a new one by itself (reauthentication), and a printer that is
# merely off is none of the user's business.
REPAIRS: Mapping[str, type[RepairsFlow] | None] = {
    ErrorCode.NEW_CERTIFICATE: NewCertificateFlow,
    ErrorCode.WRONG_PRINTER: NewAddressFlow,
    ErrorCode.NOT_MOONRAKER: NewAddressFlow,
    ErrorCode.TLS_FAILED: NewAddressFlow,
    UNREACHABLE: NewAddressFlow,
    ErrorCode.SILENT_PRINTER: None,
    ErrorCode.CLOSED_AFTER_CONNECT: None,
    ErrorCode.INVALID_CONFIG: None,
    ErrorCode.DRIVER_BROKEN: None,
    ErrorCode.UNKNOWN_DRIVER: None,
}

_AT_EASE = (DriverStatus.RUNNING, DriverStatus.STOPPING, DriverStatus.STOPPED)


def present_error(health: Mapping[str, Any]) -> str | None:
    """Return the code of what keeps the driver from running now."""
    error = health["last_error"]
    if error is None or health["status"] in _AT_EASE:
        return None
    code: str = error["code"]
    return code


def present_issue(health: Mapping[str, Any], *, announced: bool = False) -> str | None:
    """Return the one issue that the present state calls for.

    announced: the printer announces the address where it is looked for.
    """
    lasting = health["circuit"] != "closed"
    match present_error(health):
        # Its host answers, so that it is not just switched off; but it may be starting.
        case ErrorCode.CONNECTION_REFUSED:
            return UNREACHABLE if lasting else None
        case ErrorCode.CONNECTION_TIMEOUT:
            return UNREACHABLE if lasting and announced else None
        case ErrorCode.TLS_FAILED | ErrorCode.NOT_MOONRAKER as code:
            return code if lasting else None
        case code:
            return code if code in REPAIRS else None


@callback
def async_manage_issues(
    hass: HomeAssistant,
    entry: ConfigEntry,
    health: Mapping[str, Any],
    *,
    announced: bool = False,
) -> None:
    """Raise the issue that the present state calls for, and clear all others."""
    async_show_issue(hass, entry, present_issue(health, announced=announced))


@callback
def async_show_issue(
    hass: HomeAssistant, entry: ConfigEntry, issue: str | None
) -> None:
    """Raise an issue of the printer, and clear all others."""
    for code, flow in REPAIRS.items():
        if code != issue:
            _async_clear(hass, _issue_id(entry, code))
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            _issue_id(entry, code),
            is_fixable=flow is not None,
            severity=ir.IssueSeverity.ERROR,
            translation_key=code,
            translation_placeholders=entry_placeholders(entry),
            data={"entry_id": entry.entry_id},
        )


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear what nobody looks after any more."""
    async_show_issue(hass, entry, None)


@callback
def async_forget_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget the issues of a removed entry, and which of them were ignored."""
    for code in REPAIRS:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, code))


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    flow = {**REPAIRS, **STORE_FLOWS}[str(issue.translation_key)]
    assert flow is not None
    return flow()


@callback
def _async_clear(hass: HomeAssistant, issue_id: str) -> None:
    """Delete an issue, unless it is ignored: that would be forgotten with it."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if issue is not None and issue.dismissed_version is None:
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _issue_id(entry: ConfigEntry, code: str) -> str:
    return f"{code}_{entry.entry_id}"
