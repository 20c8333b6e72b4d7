"""Config flow: choose a driver, fill in its form, probe the printer; options flow."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigFlowResult,
    OptionsFlow,
    OptionsFlowWithReload,
)
from homeassistant.const import CONF_HOST
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.helpers.typing import DiscoveryInfoType
import probatio
from pydantic import ValidationError

from .component_texts import async_with_texts
from .config_flow_inventory import InventoryFlow, InventoryOptionsFlow
from .const import (
    CONF_CONFIG,
    CONF_DRIVER_KEY,
    CONF_IDENTITY,
    CONF_MODEL,
    CONF_NAME,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    ENTRY_VERSION,
)
from .coordinator import FilamentSlotsConfigEntry, loaded_entries
from .discovery import async_heal_address_soon, async_read_zeroconf
from .driver_host import async_look, async_probe, driver_config, driver_timings
from .driver_platform import async_wait_for_drivers
from .drivers.base import Driver, DriverError, ErrorCode, ProbeResult
from .drivers.registry import available_drivers, known_driver, load_driver
from .entry_kinds import is_printer
from .forms import (
    ADVANCED,
    CONF_PRINTER,
    address_fields,
    advanced_fields,
    asked_fields,
    collapsed,
    filled_in,
    form,
    found_form,
    in_sections,
    number_form,
    out_of_sections,
    privacy_form,
    secret_fields,
    settle_form,
    without_secrets,
)
from .inventory.registry import INVENTORIES
from .options import (
    HISTORY_OPTIONS,
    SHARED_OPTIONS,
    async_share_options,
    async_shared_options,
    number_option,
)
from .search import Search

# Errors of an address where a printer of another type may be.
_MAYBE_ANOTHER_TYPE = frozenset(
    {
        ErrorCode.CONNECTION_REFUSED,
        ErrorCode.CONNECTION_TIMEOUT,
        ErrorCode.CONNECTION_LOST,
        ErrorCode.TLS_FAILED,
        ErrorCode.UNENCRYPTED,
        ErrorCode.WRONG_SERVICE,
        ErrorCode.WEB_SERVER,
    }
)

_HISTORY = "history"
_PRIVACY = "privacy"
_SHARED = "shared"


class FilamentSlotsConfigFlow(InventoryFlow, domain=DOMAIN):
    """Adds a printer or an inventory, and changes its connection settings."""

    VERSION = ENTRY_VERSION
    MINOR_VERSION = ENTRY_MINOR_VERSION

    _driver_key: str
    _driver: type[Driver]
    _config: dict[str, Any]
    _changed_entry: FilamentSlotsConfigEntry
    _fingerprints: Mapping[str, str]

    def __init__(self) -> None:
        """Start a flow without discovered data, before any probe."""
        self._discovered: Mapping[str, Any] = {}
        self._search: Search | None = None
        # Of the last probe that failed: values to offer, placeholders of its text.
        self._suggested: Mapping[str, Any] = {}
        self._about_error: Mapping[str, str] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: FilamentSlotsConfigEntry) -> OptionsFlow:
        """Return the options flow of a printer, or of an inventory."""
        if is_printer(config_entry):
            return FilamentSlotsOptionsFlow()
        return InventoryOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a driver or an inventory."""
        await async_wait_for_drivers(self.hass)
        kinds = [*await available_drivers(), *INVENTORIES]
        if self._search is None:
            self._search = Search()
            # A printer that runs listens already, and the others are offered by
            # themselves. The time in which the user chooses counts.
            if not loaded_entries(self.hass):
                await self._search.async_start(self.hass)
        if user_input is not None:
            chosen = user_input[CONF_DRIVER_KEY]
            if chosen in INVENTORIES:
                return await self.async_start_inventory(chosen)
            self._driver_key = chosen
            return await self.async_step_search()
        select = SelectSelector(
            SelectSelectorConfig(
                options=[
                    SelectOptionDict(value=key, label=_type_name(key)) for key in kinds
                ],
                translation_key=CONF_DRIVER_KEY,
            )
        )
        return self.async_show_form(
            step_id="user",
            data_schema=probatio.Schema({probatio.Required(CONF_DRIVER_KEY): select}),
        )

    async def async_step_search(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Wait for announcements, if the driver's printers send any."""
        assert self._search is not None
        task = self._search.task
        if task is None or task.done() or self._driver_key not in self._search.found:
            return await self.async_step_pick()
        return self.async_show_progress(
            step_id="found", progress_action="search", progress_task=task
        )

    async def async_step_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """End the wait for announcements."""
        return self.async_show_progress_done(next_step_id="pick")

    async def async_step_pick(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the user pick one of the printers found, or enter another one."""
        assert self._search is not None
        known = self._async_current_ids()
        printers = {
            identity: printer
            for identity, printer in self._search.found.get(
                self._driver_key, {}
            ).items()
            if identity not in known
        }
        if not printers:
            return await self._async_start_form(self._driver_key)
        if user_input is not None:
            if printer := printers.get(user_input[CONF_PRINTER]):
                self._discovered = {CONF_HOST: printer.host, **printer.config}
            return await self._async_start_form(self._driver_key)
        return self.async_show_form(step_id="pick", data_schema=found_form(printers))

    @callback
    @override
    def async_remove(self) -> None:
        """Stop searching when the dialog is closed."""
        if self._search is not None:
            self._search.cancel()

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Offer a discovered printer."""
        await self.async_set_unique_id(discovery_info[CONF_IDENTITY])
        self._abort_if_unique_id_configured()
        return await self._async_offer(
            discovery_info[CONF_DRIVER_KEY],
            discovery_info[CONF_NAME],
            discovery_info[CONF_CONFIG],
        )

    @override
    async def async_step_zeroconf(
        self, discovery_info: ZeroconfServiceInfo
    ) -> ConfigFlowResult:
        """Offer a printer whose service was found, or update its address."""
        found = await async_read_zeroconf(discovery_info)
        if found is None:
            return self.async_abort(reason="no_identity")
        driver_key, printer = found
        entry = await self.async_set_unique_id(printer.identity)
        if entry is not None:
            async_heal_address_soon(self.hass, entry, printer.host)
        self._abort_if_unique_id_configured()
        # A printer that did not report its id during set-up has another unique id.
        self._async_abort_entries_match({CONF_HOST: printer.host})
        return await self._async_offer(
            driver_key, printer.name, {CONF_HOST: printer.host, **printer.config}
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Start when the printer or the inventory has refused the credentials."""
        entry = self._get_reauth_entry()
        if not is_printer(entry):
            return await self.async_change_inventory("inventory_reauth", entry)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for new credentials only."""
        entry = self._changed_entry = self._get_reauth_entry()
        try:
            driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        except DriverError as err:
            return self.async_abort(reason=err.code)
        schema = form(secret_fields(driver))
        return await self._async_change(driver, "reauth_confirm", schema, user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the connection settings; the printer stays the same."""
        entry = self._changed_entry = self._get_reconfigure_entry()
        if not is_printer(entry):
            return await self.async_change_inventory("inventory_reconfigure", entry)
        try:
            driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        except DriverError as err:
            return self.async_abort(reason=err.code)
        schema = self.add_suggested_values_to_schema(
            form(address_fields(driver, entry), keep_secrets=True),
            without_secrets(driver, entry.data),
        )
        return await self._async_change(driver, "reconfigure", schema, user_input)

    async def async_step_new_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether to trust the new certificate of the same printer.

        What is saved is the certificate whose fingerprint was shown.
        """
        errors: dict[str, str] = {}
        if user_input is not None:
            found = await self._async_probe(self._driver, self._config, errors)
            if found is not None:
                return await self._async_save_changes(found)
        if errors.get("base", ErrorCode.NEW_CERTIFICATE) == ErrorCode.NEW_CERTIFICATE:
            self._config = {**self._config, **self._suggested}
            self._fingerprints = self._about_error
        return self.async_show_form(
            step_id="new_certificate",
            description_placeholders={
                "name": self._changed_entry.title,
                **self._fingerprints,
                **self._about_error,
            },
            errors=errors,
        )

    async def _async_offer(
        self, driver_key: str, name: str, discovered: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Show the driver's form, prefilled with the discovered settings."""
        self.context["title_placeholders"] = {"name": name}
        self._discovered = discovered
        return await self._async_start_form(driver_key)

    async def _async_start_form(self, driver_key: str) -> ConfigFlowResult:
        try:
            self._driver = await load_driver(driver_key)
        except DriverError as err:
            return self.async_abort(reason=err.code)
        # Each driver's form is a step named after the driver, so that it has its own texts.
        setattr(self, f"async_step_{driver_key}", self._async_step_driver)
        return await self._async_step_driver()

    async def _async_step_driver(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Create the entry once the probe has reached the printer."""
        errors: dict[str, str] = {}
        if user_input is not None:
            user_input = out_of_sections(user_input)
            found = await self._async_probe(self._driver, user_input, errors)
            if found is not None:
                # The user may have added a printer by hand that was discovered meanwhile.
                await self.async_set_unique_id(found.identity, raise_on_progress=False)
                self._abort_if_unique_id_configured()
                return self.async_create_entry(
                    title=found.name,
                    data={
                        CONF_DRIVER_KEY: self._driver.driver_key,
                        CONF_MODEL: found.model,
                        **self._config,
                    },
                )
        known = {**(user_input or self._discovered), **self._suggested}
        fields = form(asked_fields(self._driver))
        step = self.async_show_form(
            step_id=self._driver.driver_key,
            data_schema=in_sections(
                self._driver, self.add_suggested_values_to_schema(fields, known), known
            ),
            description_placeholders=dict(self._about_error),
            errors=errors,
        )
        return await async_with_texts(self.hass, self._driver, step)

    async def _async_change(
        self,
        driver: type[Driver],
        step_id: str,
        schema: probatio.Schema,
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Change the entry once the probe has reached the same printer."""
        entry = self._changed_entry
        errors: dict[str, str] = {}
        if user_input is not None:
            user_input = out_of_sections(user_input)
            config = driver_config(entry) | filled_in(user_input)
            found = await self._async_probe(driver, config, errors)
            if found is not None:
                return await self._async_save_changes(found)
            if errors.get("base") == ErrorCode.NEW_CERTIFICATE:
                self._driver, self._config = driver, config
                return await self.async_step_new_certificate()
        step = self.async_show_form(
            step_id=step_id,
            data_schema=in_sections(
                driver,
                self.add_suggested_values_to_schema(
                    schema, {**(user_input or {}), **self._suggested}
                ),
                entry.data,
            ),
            description_placeholders={"name": entry.title, **self._about_error},
            errors=errors,
        )
        return await async_with_texts(self.hass, driver, step)

    async def _async_save_changes(self, found: ProbeResult) -> ConfigFlowResult:
        await self.async_set_unique_id(found.identity)
        self._abort_if_unique_id_mismatch()
        return self.async_update_reload_and_abort(
            self._changed_entry, data_updates=self._config
        )

    async def _async_probe(
        self, driver: type[Driver], config: dict[str, Any], errors: dict[str, str]
    ) -> ProbeResult | None:
        """Probe the printer; on failure fill in `errors` and return None."""
        self._suggested, self._about_error = {}, {}
        try:
            found, self._config = await async_probe(self.hass, driver, config)
        except ValidationError as err:
            # Home Assistant shows no error under a field of a section.
            advanced = dict.fromkeys(advanced_fields(driver), ADVANCED)
            for error in err.errors(include_url=False, include_input=False):
                name = str(error["loc"][0])
                errors[advanced.get(name, name)] = f"invalid_{name}"
        except DriverError as err:
            self._suggested, self._about_error = err.suggested, err.placeholders
            denied = secret_fields(driver) if err.code is ErrorCode.INVALID_AUTH else {}
            errors |= dict.fromkeys(denied or ("base",), str(err.code))
            if err.code in _MAYBE_ANOTHER_TYPE and (
                other := await async_look(self.hass, driver, config)
            ):
                errors["base"] = "another_type"
                self._about_error = {"found": other}
        else:
            return found
        return None


def _type_name(key: str) -> str:
    """Return the name of a printer type; those of inventories are texts of their keys."""
    known = known_driver(key)
    return known.info.name if known else key


class FilamentSlotsOptionsFlow(OptionsFlowWithReload):
    """Changes the options of history, privacy and confirmation times."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options; defaults are not stored, so that they may change."""
        entry = self.config_entry
        try:
            driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        except DriverError as err:
            return self.async_abort(reason=err.code)
        if user_input is not None:
            await async_share_options(self.hass, user_input[_SHARED])
            return self.async_create_entry(
                data={
                    name: number_option(user_input[_HISTORY], name)
                    for name, (_, _, default) in HISTORY_OPTIONS.items()
                    if user_input[_HISTORY][name] != default
                }
                | {
                    name: wanted
                    for name, wanted in user_input[_PRIVACY].items()
                    if not wanted
                }
                | {
                    name: seconds
                    for name, seconds in user_input[ADVANCED].items()
                    if seconds != getattr(driver.timings, name)
                }
            )
        sections = {
            _HISTORY: number_form(HISTORY_OPTIONS, entry.options),
            _PRIVACY: privacy_form(entry.options),
            ADVANCED: settle_form(driver_timings(entry, driver)),
            _SHARED: number_form(SHARED_OPTIONS, await async_shared_options(self.hass)),
        }
        return self.async_show_form(
            step_id="init",
            data_schema=collapsed(sections),
            description_placeholders={"name": entry.title},
        )
