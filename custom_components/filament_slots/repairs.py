"""Repairs: what only the user can put right, raised and cleared by how the driver stands."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from pydantic import ValidationError

from .const import CONF_DRIVER_KEY, DOMAIN
from .drivers.base import Driver, DriverError, DriverStatus, ErrorCode
from .drivers.registry import load_driver
from .forms import asked_fields, filled_in, form, secret_fields
from .hosting import async_probe, driver_config

# A refused code asks for a new one by itself, and a printer that is merely off is none
# of the user's business.
REPAIRS = (
    ErrorCode.NEW_CERTIFICATE,
    ErrorCode.WRONG_PRINTER,
    ErrorCode.SILENT_PRINTER,
    ErrorCode.CLOSED_AFTER_CONNECT,
)

_AT_EASE = (DriverStatus.RUNNING, DriverStatus.STOPPING, DriverStatus.STOPPED)


def present_error(health: Mapping[str, Any]) -> str | None:
    """Return the code of what keeps the driver from running now."""
    error = health["last_error"]
    if error is None or health["status"] in _AT_EASE:
        return None
    code: str = error["code"]
    return code


@callback
def async_manage_issues(
    hass: HomeAssistant, entry: ConfigEntry, health: Mapping[str, Any]
) -> None:
    """Raise the issue that the present state calls for, and clear all others."""
    error = present_error(health)
    for code in REPAIRS:
        if code != error:
            ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, code))
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            _issue_id(entry, code),
            # Another certificate of the same printer is all that may be accepted here:
            # another printer is never taken for this one.
            is_fixable=code is ErrorCode.NEW_CERTIFICATE,
            severity=ir.IssueSeverity.ERROR,
            translation_key=code,
            translation_placeholders=_placeholders(entry),
            data={"entry_id": entry.entry_id},
        )


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear what nobody looks after any more."""
    for code in REPAIRS:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, code))


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow for the one issue that can be fixed here."""
    return NewCertificateFlow()


class NewCertificateFlow(RepairsFlow):
    """Lets the user trust the certificate that the printer shows now."""

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask at once."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Fetch the certificate again once the user agrees, and keep it."""
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None:
            return self.async_abort(reason="entry_removed")
        driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                await self._async_trust_anew(entry, driver, filled_in(user_input))
            except ValidationError:
                errors["base"] = ErrorCode.INVALID_CONFIG
            except DriverError as err:
                errors["base"] = err.code
            else:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            # What gave the printer another certificate may have changed its code too.
            data_schema=form(secret_fields(driver), keep_secrets=True),
            description_placeholders=_placeholders(entry),
            errors=errors,
        )

    async def _async_trust_anew(
        self, entry: ConfigEntry, driver: type[Driver], secrets: dict[str, str]
    ) -> None:
        """Meet the printer as if for the first time; it must be the same one.

        Raises DriverError, or pydantic.ValidationError for a secret that cannot be one.
        """
        asked = asked_fields(driver)
        told = {
            name: value for name, value in driver_config(entry).items() if name in asked
        }
        found, config = await async_probe(self.hass, driver, told | secrets)
        if found.identity != entry.unique_id:
            raise DriverError(ErrorCode.WRONG_PRINTER)
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, **config}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)


def _issue_id(entry: ConfigEntry, code: ErrorCode) -> str:
    return f"{code}_{entry.entry_id}"


def _placeholders(entry: ConfigEntry) -> dict[str, str]:
    return {"name": entry.title, "host": str(entry.data.get(CONF_HOST, ""))}
