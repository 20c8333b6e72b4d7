"""Repairs of a printer: one issue for each cause, and the flows that fix them."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
import probatio
from pydantic import ValidationError

from .const import CONF_DRIVER_KEY, DOMAIN
from .driver_host import async_probe, driver_config
from .drivers.base import Driver, DriverError, DriverStatus, ErrorCode
from .drivers.health import Health
from .drivers.registry import load_driver
from .forms import (
    address_fields,
    asked_fields,
    filled_in,
    form,
    secret_fields,
    without_secrets,
)
from .repairs_store import async_clear_issue


class _ReconnectFlow(RepairsFlow):
    """Asks for connection settings; saves them once the same printer answers to them."""

    async def _async_connect(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> RepairsFlowResult:
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None:
            return self.async_abort(reason="entry_removed")
        try:
            driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        except DriverError as err:
            return self.async_abort(reason=err.code)
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                changes = await self._async_probe(
                    entry,
                    driver,
                    self._base_config(entry, driver) | filled_in(user_input),
                )
            except ValidationError:
                errors["base"] = ErrorCode.INVALID_CONFIG
            except DriverError as err:
                errors["base"] = err.code
            else:
                self.hass.config_entries.async_update_entry(
                    entry, data={**entry.data, **changes}
                )
                self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                self._form(entry, driver), user_input
            ),
            description_placeholders=_placeholders(entry),
            errors=errors,
        )

    async def _async_probe(
        self, entry: ConfigEntry, driver: type[Driver], config: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the config to save, once the entry's own printer answered to it.

        Raises DriverError, or pydantic.ValidationError for an invalid config.
        """
        found, config = await async_probe(self.hass, driver, config)
        if found.identity != entry.unique_id:
            raise DriverError(ErrorCode.WRONG_PRINTER)
        return config

    @abstractmethod
    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        """Return the form for the settings that may change."""

    @abstractmethod
    def _base_config(self, entry: ConfigEntry, driver: type[Driver]) -> dict[str, Any]:
        """Return the part of the present config that stays as it is."""


class NewCertificateFlow(_ReconnectFlow):
    """Lets the user trust the certificate that the printer presents now."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show the form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Fetch the certificate again once the user agrees, and save it."""
        return await self._async_connect("confirm", user_input)

    @override
    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        # What replaced the certificate may have changed the access code, too.
        return form(secret_fields(driver), keep_secrets=True)

    @override
    def _base_config(self, entry: ConfigEntry, driver: type[Driver]) -> dict[str, Any]:
        """Return what a user enters; the probe finds the rest, as at set-up."""
        asked = asked_fields(driver)
        return {
            name: value for name, value in driver_config(entry).items() if name in asked
        }


class NewAddressFlow(_ReconnectFlow):
    """Lets the user enter the printer's address, or wait until discovery finds it."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Offer both."""
        return self.async_show_menu(menu_options=["address", "wait"])

    async def async_step_address(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Probe the address, and save it if the printer is there."""
        return await self._async_connect("address", user_input)

    async def async_step_wait(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ignore the issue: the driver keeps trying, and discovery goes on."""
        ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, True)
        return self.async_abort(reason="waiting")

    @override
    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        return self.add_suggested_values_to_schema(
            form(address_fields(driver, entry), keep_secrets=True),
            without_secrets(driver, entry.data),
        )

    @override
    def _base_config(self, entry: ConfigEntry, driver: type[Driver]) -> dict[str, Any]:
        return driver_config(entry)


# Not an error code of a driver: what a refused or timed-out connection means for a
# printer that is switched on.
UNREACHABLE = "unreachable"

# The issues of a printer by translation key, and the flow that fixes each, where one
# can. Refused credentials start a reauthentication instead, and a printer that is just
# switched off needs nothing.
PRINTER_ISSUES: Mapping[str, type[RepairsFlow] | None] = {
    ErrorCode.NEW_CERTIFICATE: NewCertificateFlow,
    ErrorCode.WRONG_PRINTER: NewAddressFlow,
    ErrorCode.WRONG_SERVICE: NewAddressFlow,
    ErrorCode.TLS_FAILED: NewAddressFlow,
    UNREACHABLE: NewAddressFlow,
    ErrorCode.SILENT_PRINTER: None,
    ErrorCode.CLOSED_AFTER_CONNECT: None,
    ErrorCode.INVALID_CONFIG: None,
    ErrorCode.DRIVER_BROKEN: None,
    ErrorCode.UNKNOWN_DRIVER: None,
}

_NO_ERROR = (DriverStatus.RUNNING, DriverStatus.STOPPING, DriverStatus.STOPPED)


def current_error(health: Health) -> str | None:
    """Return the code of the error that keeps the driver from running now."""
    error = health["last_error"]
    if error is None or health["status"] in _NO_ERROR:
        return None
    return error["code"]


def current_issue(health: Health, *, announced: bool = False) -> str | None:
    """Return the translation key of the one issue to raise now.

    announced: the printer announces itself at the address of its entry.
    """
    lasting = health["circuit"] != "closed"
    match current_error(health):
        # The host answers, so the printer is not switched off; but it may be booting.
        case ErrorCode.CONNECTION_REFUSED:
            return UNREACHABLE if lasting else None
        case ErrorCode.CONNECTION_TIMEOUT:
            return UNREACHABLE if lasting and announced else None
        case ErrorCode.TLS_FAILED | ErrorCode.WRONG_SERVICE as code:
            return code if lasting else None
        case code:
            return code if code in PRINTER_ISSUES else None


@callback
def async_show_issue(
    hass: HomeAssistant, entry: ConfigEntry, issue: str | None
) -> None:
    """Raise one issue of the printer, and clear all others."""
    for code, flow in PRINTER_ISSUES.items():
        if code != issue:
            async_clear_issue(hass, _issue_id(entry, code))
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            _issue_id(entry, code),
            is_fixable=flow is not None,
            severity=ir.IssueSeverity.ERROR,
            translation_key=code,
            translation_placeholders=_placeholders(entry),
            data={"entry_id": entry.entry_id},
        )


@callback
def async_forget_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issues of a removed entry, ignored ones included."""
    for code in PRINTER_ISSUES:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, code))


def _placeholders(entry: ConfigEntry) -> dict[str, str]:
    """Return the placeholders of all texts about a printer."""
    return {
        "name": entry.title,
        "host": str(entry.data.get(CONF_HOST, "")),
        "driver": str(entry.data[CONF_DRIVER_KEY]),
    }


def _issue_id(entry: ConfigEntry, code: str) -> str:
    return f"{code}_{entry.entry_id}"
