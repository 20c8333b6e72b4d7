"""Config flow of inventories: add one, renew its key, change its connection; options."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.core import callback
from pydantic import ValidationError

from .const import CONF_INVENTORY_KEY
from .coordinator import loaded_entries
from .driver_host import async_inventory_address
from .forms import (
    collapsed,
    filled_in,
    form,
    low_form,
    scans_form,
    tags_form,
    without_secrets,
    write_form,
)
from .inventory.base import (
    LOCATION_MAX,
    Inventory,
    InventoryError,
    InventoryErrorCode,
    InventoryProbe,
)
from .inventory.registry import INVENTORIES
from .inventory_entry import (
    InventoryConfigEntry,
    InventoryHost,
    async_probe_inventory,
    inventory_config,
    loaded_inventories,
)
from .location_keeper import location_parts
from .location_options import WRITE_DEFAULTS, Leave, WriteOptions, write_options
from .location_text import full_text, is_template, location_text
from .options import CONF_FOLLOW_SCANS, CONF_TAG_FIELD, LOW_DEFAULTS

_URL = "url"
_LOW = "low"
_TAGS = "tags"
_WRITES = "writes"
_SCANS = "scans"
_DEFAULTS: Final[Mapping[str, Any]] = {
    CONF_TAG_FIELD: "",
    **LOW_DEFAULTS,
    **WRITE_DEFAULTS,
    CONF_FOLLOW_SCANS: True,
}
# Of the slots of all printers, in a preview.
_EXAMPLES_MAX: Final = 8
# Where there is no printer yet.
_EXAMPLE: Final = {"printer": "X1C", "slot": "A3"}


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
    """Changes the options of an inventory: tags, low spools, scans, what is written."""

    config_entry: InventoryConfigEntry

    def __init__(self) -> None:
        """Start with the options of the entry."""
        self._wanted: Mapping[str, Any] | None = None
        self._has_field = False

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the form."""
        return await self.async_step_inventory()

    async def async_step_inventory(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options; defaults are not stored, so that they may change."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._wanted = {
                name: value
                for section in (_TAGS, _LOW, _SCANS, _WRITES)
                for name, value in user_input[section].items()
                if value != _DEFAULTS[name]
            }
            if (error := self._error(write_options(self._wanted))) is None:
                return await self._async_continue()
            # Home Assistant shows no error under a field of a section.
            errors["base"] = error
        known = self.config_entry.options if self._wanted is None else self._wanted
        return self.async_show_form(
            step_id="inventory",
            data_schema=collapsed(
                {
                    _TAGS: tags_form(known),
                    _LOW: low_form(known),
                    _SCANS: scans_form(known),
                    _WRITES: write_form(known),
                }
            ),
            description_placeholders={
                "name": self.config_entry.title,
                # Braces in the text itself are placeholders.
                "printer_part": "{printer}",
                "slot_part": "{slot}",
                "example": location_text(
                    write_options(known).template, self._parts()[0]
                ),
                "maximum": str(LOCATION_MAX),
            },
            errors=errors,
        )

    async def async_step_tag_field(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the field for tags may be created, and create it."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                field = await self._async_add_tag_field()
            except InventoryError:
                errors["base"] = "tag_field_failed"
            else:
                if field is not None:
                    self._has_field = True
                    # So that it is read as well, unless the owner has named another.
                    self._wanted = {CONF_TAG_FIELD: field, **(self._wanted or {})}
                    return await self._async_continue()
                errors["base"] = "tag_field_type"
        return self.async_show_form(
            step_id="tag_field",
            description_placeholders={"name": self.config_entry.title},
            errors=errors,
        )

    async def async_step_location_preview(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the locations of real slots."""
        assert self._wanted is not None
        template = write_options(self._wanted).template
        examples = [
            f"- {' · '.join(parts.values())} → {location_text(template, parts)}"
            for parts in self._parts()[:_EXAMPLES_MAX]
        ]
        return self.async_show_menu(
            step_id="location_preview",
            menu_options=["save", "inventory"],
            description_placeholders={"examples": "\n".join(examples)},
        )

    async def async_step_save(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Store the options; what is no longer to be written is forgotten."""
        assert self._wanted is not None
        wanted = write_options(self._wanted)
        queue = self._host.queue if self._host else None
        if queue is not None and not wanted.locations:
            queue.forget_locations()
        if queue is not None and not wanted.tags:
            queue.forget_tags()
        return self.async_create_entry(data=self._wanted)

    async def _async_continue(self) -> ConfigFlowResult:
        """Show what the user has to know of before it is switched on."""
        assert self._wanted is not None
        wanted = write_options(self._wanted)
        before = write_options(self.config_entry.options)
        host = self._host
        no_tags = host is not None and host.health["has_tags"] is False
        if wanted.tags and not before.tags and no_tags and not self._has_field:
            return await self.async_step_tag_field()
        if wanted.locations and (
            not before.locations or wanted.template != before.template
        ):
            return await self.async_step_location_preview()
        return await self.async_step_save()

    async def _async_add_tag_field(self) -> str | None:
        """Create the field for tags; raises InventoryError."""
        if (host := self._host) is None:
            raise InventoryError(InventoryErrorCode.UNKNOWN, "not loaded any more")
        return await host.async_add_tag_field()

    @property
    def _host(self) -> InventoryHost | None:
        entry = self.config_entry
        return entry.runtime_data if entry.state is ConfigEntryState.LOADED else None

    def _parts(self) -> list[dict[str, str]]:
        """Return the parts of the location of each slot of all printers."""
        return [
            location_parts(entry.runtime_data, key)
            for entry in loaded_entries(self.hass)
            for key in entry.runtime_data.slots
        ] or [_EXAMPLE]

    def _error(self, wanted: WriteOptions) -> str | None:
        """Return what is wrong with options of locations."""
        if not wanted.locations:
            return None
        if not is_template(wanted.template):
            return "location_template"
        if any(
            len(full_text(wanted.template, parts)) > LOCATION_MAX
            for parts in self._parts()
        ):
            return "location_too_long"
        if wanted.leave is Leave.TEXT and not (
            0 < len(wanted.text.strip()) <= LOCATION_MAX
        ):
            return "location_text"
        return None
