"""Set-up in the user interface: pick a driver, fill in its form, look at the printer."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import ConfigEntry, ConfigFlow, ConfigFlowResult
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig
import probatio
from pydantic import ValidationError

from .const import CONF_DRIVER_KEY, CONF_MODEL, DOMAIN
from .drivers.base import Driver, DriverError, ProbeResult
from .drivers.registry import available_drivers, load_driver
from .forms import asked_fields, filled_in, form, secret_fields
from .hosting import async_probe, driver_config


class FilamentSlotsConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds a printer, and changes how it is reached."""

    VERSION = 1

    _driver: type[Driver]
    _config: dict[str, Any]

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Pick a driver; with a single one there is nothing to pick."""
        drivers = list(await available_drivers())
        if user_input is not None:
            return await self._async_start_form(user_input[CONF_DRIVER_KEY])
        if len(drivers) == 1:
            return await self._async_start_form(drivers[0])
        select = SelectSelector(
            SelectSelectorConfig(options=drivers, translation_key=CONF_DRIVER_KEY)
        )
        return self.async_show_form(
            step_id="user",
            data_schema=probatio.Schema({probatio.Required(CONF_DRIVER_KEY): select}),
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin where the printer refused the credentials twice."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for new credentials, and for nothing else."""
        entry = self._get_reauth_entry()
        driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        schema = form(secret_fields(driver))
        return await self._async_change(
            entry, driver, "reauth_confirm", schema, user_input
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for everything but what says which printer it is."""
        entry = self._get_reconfigure_entry()
        driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        fields = {
            name: field
            for name, field in asked_fields(driver).items()
            if entry.data.get(name) != entry.unique_id
        }
        secrets = secret_fields(driver)
        known = {
            name: value for name, value in entry.data.items() if name not in secrets
        }
        schema = self.add_suggested_values_to_schema(
            form(fields, keep_secrets=True), known
        )
        return await self._async_change(
            entry, driver, "reconfigure", schema, user_input
        )

    async def _async_start_form(self, driver_key: str) -> ConfigFlowResult:
        try:
            self._driver = await load_driver(driver_key)
        except DriverError as err:
            return self.async_abort(reason=err.code)
        # Each driver's form is a step of its own name, so that its texts are its own.
        setattr(self, f"async_step_{driver_key}", self._async_step_driver)
        return await self._async_step_driver()

    async def _async_step_driver(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Make the entry once the printer was seen."""
        errors: dict[str, str] = {}
        if user_input is not None:
            found = await self._async_probe(self._driver, user_input, errors)
            if found is not None:
                await self.async_set_unique_id(found.identity)
                self._abort_if_unique_id_configured()
                return self.async_create_entry(
                    title=found.name,
                    data={
                        CONF_DRIVER_KEY: self._driver.driver_key,
                        CONF_MODEL: found.model,
                        **self._config,
                    },
                )
        return self.async_show_form(
            step_id=self._driver.driver_key,
            data_schema=self.add_suggested_values_to_schema(
                form(asked_fields(self._driver)), user_input
            ),
            errors=errors,
        )

    async def _async_change(
        self,
        entry: ConfigEntry,
        driver: type[Driver],
        step_id: str,
        schema: probatio.Schema,
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Change an entry once the same printer was seen."""
        errors: dict[str, str] = {}
        if user_input is not None:
            config = driver_config(entry) | filled_in(user_input)
            found = await self._async_probe(driver, config, errors)
            if found is not None:
                await self.async_set_unique_id(found.identity)
                self._abort_if_unique_id_mismatch()
                return self.async_update_reload_and_abort(
                    entry, data_updates=self._config
                )
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            description_placeholders={"name": entry.title},
            errors=errors,
        )

    async def _async_probe(
        self, driver: type[Driver], config: dict[str, Any], errors: dict[str, str]
    ) -> ProbeResult | None:
        """Look at the printer; None with `errors` saying what the user can do."""
        try:
            found, self._config = await async_probe(self.hass, driver, config)
        except ValidationError as err:
            for error in err.errors(include_url=False, include_input=False):
                errors[str(error["loc"][0])] = "invalid_config"
        except DriverError as err:
            errors["base"] = err.code
        else:
            return found
        return None
