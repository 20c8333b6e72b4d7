"""The fix flows of a printer's repairs: each meets the printer, then changes the entry."""

from abc import abstractmethod
from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import probatio
from pydantic import ValidationError

from .const import CONF_DRIVER_KEY, DOMAIN
from .driver_host import async_probe, driver_config
from .drivers.base import Driver, DriverError, ErrorCode
from .drivers.registry import load_driver
from .forms import address_fields, asked_fields, filled_in, form, secret_fields, shown


class _MeetingFlow(RepairsFlow):
    """Asks for what is needed, and goes on once the same printer was met."""

    async def _async_meet(
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
                changes = await self._async_changes(
                    entry, driver, filled_in(user_input)
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
            description_placeholders=entry_placeholders(entry),
            errors=errors,
        )

    @abstractmethod
    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        """Return what is asked for."""

    @abstractmethod
    async def _async_changes(
        self, entry: ConfigEntry, driver: type[Driver], said: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what of the entry's data is different from now on.

        Raises DriverError, or pydantic.ValidationError for what cannot be right.
        """


class NewCertificateFlow(_MeetingFlow):
    """Lets the user trust the certificate that the printer shows now."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask at once."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Fetch the certificate again once the user agrees, and keep it."""
        return await self._async_meet("confirm", user_input)

    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        # What gave the printer another certificate may have changed its code too.
        return form(secret_fields(driver), keep_secrets=True)

    async def _async_changes(
        self, entry: ConfigEntry, driver: type[Driver], said: dict[str, Any]
    ) -> dict[str, Any]:
        """Meet the printer as if for the first time."""
        asked = asked_fields(driver)
        told = {
            name: value for name, value in driver_config(entry).items() if name in asked
        }
        return await _async_met(self.hass, entry, driver, told | said)


class NewAddressFlow(_MeetingFlow):
    """Lets the user say where the printer is, or wait until it is found by itself."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Offer both."""
        return self.async_show_menu(menu_options=["address", "wait"])

    async def async_step_address(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Look at the address, and keep it if the printer is there."""
        return await self._async_meet("address", user_input)

    async def async_step_wait(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Say no more of it: the driver keeps trying, and announcements are heard."""
        ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, True)
        return self.async_abort(reason="waiting")

    def _form(self, entry: ConfigEntry, driver: type[Driver]) -> probatio.Schema:
        return self.add_suggested_values_to_schema(
            form(address_fields(driver, entry), keep_secrets=True),
            shown(driver, entry.data),
        )

    async def _async_changes(
        self, entry: ConfigEntry, driver: type[Driver], said: dict[str, Any]
    ) -> dict[str, Any]:
        return await _async_met(self.hass, entry, driver, driver_config(entry) | said)


async def _async_met(
    hass: HomeAssistant,
    entry: ConfigEntry,
    driver: type[Driver],
    config: dict[str, Any],
) -> dict[str, Any]:
    """Return the config under which the entry's own printer was met, and no other.

    Raises DriverError, or pydantic.ValidationError for a config that cannot be right.
    """
    found, config = await async_probe(hass, driver, config)
    if found.identity != entry.unique_id:
        raise DriverError(ErrorCode.WRONG_PRINTER)
    return config


def entry_placeholders(entry: ConfigEntry) -> dict[str, str]:
    """Return what the texts about a printer name."""
    return {
        "name": entry.title,
        "host": str(entry.data.get(CONF_HOST, "")),
        "driver": str(entry.data[CONF_DRIVER_KEY]),
    }
