"""Config flow of inventories: add one, renew its key, change its connection; options."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.core import callback
from pydantic import ValidationError

from .const import CONF_INVENTORY_KEY
from .driver_host import async_inventory_address
from .forms import collapsed, filled_in, form, low_form, tags_form, without_secrets
from .inventory.base import Inventory, InventoryError, InventoryProbe
from .inventory.registry import INVENTORIES
from .inventory_entry import (
    InventoryConfigEntry,
    async_probe_inventory,
    inventory_config,
    loaded_inventories,
)
from .options import CONF_TAG_FIELD, LOW_DEFAULTS

_URL = "url"
_LOW = "low"
_TAGS = "tags"


class InventoryFlow(ConfigFlow):
    """The steps of inventories, for the flow of the integration."""

    _inventory: type[Inventory]
    _inventory_entry: InventoryConfigEntry

    async def async_start_inventory(self, key: str) -> ConfigFlowResult:
        """Show the form of an inventory, with an address that a printer has for it."""
        self._inventory = INVENTORIES[key]
        address = await async_inventory_address(self.hass, key)
        # Each inventory's form is a step named after it, so that it has its own texts.
        setattr(self, f"async_step_{key}", self._async_step_inventory)
        return await self._async_step_inventory(
            suggested={_URL: address} if address else {}
        )

    async def async_change_inventory(
        self, step_id: str, entry: InventoryConfigEntry
    ) -> ConfigFlowResult:
        """Show the form with the entry's present connection."""
        self._inventory = INVENTORIES[entry.data[CONF_INVENTORY_KEY]]
        self._inventory_entry = entry
        return await self._async_change_connection(step_id, None)

    async def async_step_inventory_reauth(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the key that the server demands now."""
        return await self._async_change_connection("inventory_reauth", user_input)

    async def async_step_inventory_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the connection settings."""
        return await self._async_change_connection("inventory_reconfigure", user_input)

    async def _async_step_inventory(
        self,
        user_input: dict[str, Any] | None = None,
        suggested: Mapping[str, Any] | None = None,
    ) -> ConfigFlowResult:
        """Create the entry once the server has answered."""
        errors: dict[str, str] = {}
        about: dict[str, str] = {}
        if user_input is not None:
            offered = await self._async_reach(user_input, errors, about)
            if isinstance(offered, InventoryProbe):
                if self._is_known(offered, None):
                    return self.async_abort(reason="inventory_already_configured")
                return self.async_create_entry(
                    title=offered.name, data=self._data(offered)
                )
            suggested = {**user_input, **offered}
        return self.async_show_form(
            step_id=self._inventory.inventory_key,
            data_schema=self.add_suggested_values_to_schema(
                form(self._inventory.Config.model_fields), suggested or {}
            ),
            description_placeholders=about,
            errors=errors,
        )

    async def _async_change_connection(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Change the entry once the server has answered; an empty key stays as it is."""
        entry = self._inventory_entry
        errors: dict[str, str] = {}
        about: dict[str, str] = {}
        suggested: Mapping[str, Any] = without_secrets(self._inventory, entry.data)
        if user_input is not None:
            config = inventory_config(entry) | filled_in(user_input)
            offered = await self._async_reach(config, errors, about)
            if isinstance(offered, InventoryProbe):
                if self._is_known(offered, entry):
                    return self.async_abort(reason="inventory_already_configured")
                return self.async_update_reload_and_abort(
                    entry,
                    unique_id=self._unique_id(offered),
                    data=self._data(offered),
                )
            suggested = {**user_input, **offered}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                form(self._inventory.Config.model_fields, keep_secrets=True), suggested
            ),
            description_placeholders={"name": entry.title, **about},
            errors=errors,
        )

    async def _async_reach(
        self,
        config: Mapping[str, Any],
        errors: dict[str, str],
        about: dict[str, str],
    ) -> InventoryProbe | Mapping[str, Any]:
        """Return what was found; on failure values to offer, and fill in the rest.

        about: gets the placeholders of the text of the error.
        """
        try:
            found = await async_probe_inventory(self.hass, self._inventory, config)
        except ValidationError as err:
            for error in err.errors(include_url=False, include_input=False):
                errors[str(error["loc"][0])] = "invalid_config"
        except InventoryError as err:
            errors["base"] = f"inventory_{err.code}"
            about.update(err.placeholders)
            return err.suggested
        else:
            await self.async_set_unique_id(
                self._unique_id(found), raise_on_progress=False
            )
            return found
        return {}

    @callback
    def _is_known(
        self, found: InventoryProbe, own: InventoryConfigEntry | None
    ) -> bool:
        """Return whether another entry has this server, perhaps by another name of it."""
        same_address = self._async_current_entries(include_ignore=False)
        if any(
            entry.unique_id == self._unique_id(found)
            for entry in same_address
            if entry is not own
        ):
            return True
        return bool(found.oldest) and any(
            all(
                spool_id in host.spools
                and host.spools[spool_id].registered == registered
                for spool_id, registered in found.oldest
            )
            for host in loaded_inventories(self.hass)
            if host.entry is not own
        )

    def _unique_id(self, found: InventoryProbe) -> str:
        return f"{self._inventory.inventory_key}:{found.config[_URL]}"

    def _data(self, found: InventoryProbe) -> dict[str, Any]:
        return {
            CONF_INVENTORY_KEY: self._inventory.inventory_key,
            **filled_in(found.config),
        }


class InventoryOptionsFlow(OptionsFlowWithReload):
    """Changes the options of an inventory: where tags are, when its spools are low."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the form."""
        return await self.async_step_inventory()

    async def async_step_inventory(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options; defaults are not stored, so that they may change."""
        if user_input is not None:
            entered = {**user_input[_TAGS], **user_input[_LOW]}
            return self.async_create_entry(
                data={
                    name: value
                    for name, value in entered.items()
                    if value != {CONF_TAG_FIELD: "", **LOW_DEFAULTS}[name]
                }
            )
        return self.async_show_form(
            step_id="inventory",
            data_schema=collapsed(
                {
                    _TAGS: tags_form(self.config_entry.options),
                    _LOW: low_form(self.config_entry.options),
                }
            ),
            description_placeholders={"name": self.config_entry.title},
        )
