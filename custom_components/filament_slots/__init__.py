"""Filament Slots: which spool is in which slot, and when it changes."""

from typing import cast

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
)
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType
from pydantic import ValidationError

from .const import (
    CONF_DRIVER_KEY,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    ENTRY_VERSION,
    PLATFORMS,
)
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, is_loaded
from .core.engine.errors import Problem, StoreError
from .core.handler import EventHandler
from .core.tables.printers import has_slots
from .discovery import async_listen
from .driver_platform import async_gather_drivers
from .drivers.base import Driver, DriverError, ErrorCode
from .drivers.guarded import GuardedDriver
from .drivers.registry import load_driver, load_drivers
from .entry_kinds import is_printer
from .frontend import async_register_frontend
from .inventory_entry import (
    InventoryConfigEntry,
    async_remove_inventory,
    async_setup_inventory,
    async_unload_inventory,
)
from .location_keeper import async_keep_locations
from .options import async_migrate_options
from .repairs_chips import async_follow_chips
from .repairs_links import async_setup_link_issues
from .repairs_printer import async_forget_issues, async_show_issue
from .repairs_store import async_ask_about_history, async_settle_history
from .runtime import SharedCore, async_shared_core
from .scans import async_follow_scans
from .services import async_setup_services
from .slot_spools import slot_spools
from .spool_alerts import spool_alerts
from .spool_selector import async_refresh_spool_selector
from .websocket import async_register_commands

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register actions, websocket commands and cards, independent of any entry."""
    async_setup_services(hass)
    async_register_commands(hass)
    async_setup_link_issues(hass)
    await async_register_frontend(hass)
    # At once: the entries, which are set up together, would take a thread each.
    await load_drivers()
    await async_gather_drivers(hass, config)
    return True


async def async_setup_entry(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> bool:
    """Set up an inventory, or a printer from its stored state, switched on or not."""
    if not is_printer(entry):
        inventory = cast(InventoryConfigEntry, entry)
        await async_setup_inventory(hass, inventory)
        inventory.async_on_unload(
            slot_spools(hass).async_follow_inventory(inventory.runtime_data)
        )
        inventory.async_on_unload(async_keep_locations(hass, inventory.runtime_data))
        inventory.async_on_unload(async_follow_scans(hass, inventory.runtime_data))
        inventory.async_on_unload(
            inventory.runtime_data.async_subscribe(
                lambda _: async_refresh_spool_selector(hass)
            )
        )
        return True
    driver_class = await _async_load_driver(hass, entry)
    core = async_shared_core(hass)
    try:
        await core.acquire()
    except StoreError as err:
        if err.code is Problem.NEWER:
            raise ConfigEntryError(
                translation_domain=DOMAIN, translation_key="store_newer"
            ) from err
        key = "store_in_use" if err.code is Problem.IN_USE else "store_failed"
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key=key
        ) from err
    try:
        coordinator = await _async_make_coordinator(hass, entry, core, driver_class)
    except BaseException:
        await core.release()
        raise

    async def stop(_: Event) -> None:
        await coordinator.async_stop()

    # Entries are not unloaded when Home Assistant stops.
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    entry.runtime_data = coordinator
    # Before the entities, which read what it finds.
    entry.async_on_unload(slot_spools(hass).async_follow_printer(coordinator))
    entry.async_on_unload(spool_alerts(hass).async_follow(coordinator))
    entry.async_on_unload(async_follow_chips(hass, coordinator))
    entry.async_on_unload(
        coordinator.async_add_listener(lambda: async_refresh_spool_selector(hass))
    )
    try:
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
        await coordinator.async_start()
        await async_listen(hass, entry)
    except BaseException:
        await coordinator.async_stop()
        raise
    return True


async def async_unload_entry(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> bool:
    """Stop the driver, and publish its last events before the entities are unloaded."""
    if not is_printer(entry):
        return await async_unload_inventory(cast(InventoryConfigEntry, entry))
    coordinator = entry.runtime_data
    if entry.disabled_by is not None:
        await coordinator.async_deactivate()
    await coordinator.async_stop()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> None:
    """Mark the printer as deleted; its history stays, unless a user then deletes it."""
    if not is_printer(entry):
        await async_remove_inventory(hass, cast(InventoryConfigEntry, entry))
        return
    async_forget_issues(hass, entry)
    core = async_shared_core(hass)
    async with core.use() as handler:
        printer_id = await _async_register(entry, handler)
        await handler.mark_deleted(printer_id)
        core.async_take_held(printer_id)
        if await core.store.read(lambda db: has_slots(db, printer_id)):
            async_ask_about_history(hass, printer_id, entry.title)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Allow removing a disconnected unit; it reappears when the printer reports it.

    Raises HomeAssistantError while the entry is not loaded: which units are connected
    is not known then.
    """
    if not is_loaded(entry):
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="device_of_unloaded",
            translation_placeholders={"printer": entry.title},
        )
    coordinator = entry.runtime_data
    return coordinator.devices.async_forget(device, coordinator.data)


async def async_migrate_entry(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> bool:
    """Migrate the entry's data; refuse data of a later version."""
    if entry.version > ENTRY_VERSION:
        return False
    if entry.minor_version < ENTRY_MINOR_VERSION:
        await async_migrate_options(hass, entry)
    return True


async def _async_load_driver(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> type[Driver]:
    """Return the entry's driver, or a substitute while the component with it is missing.

    Raises ConfigEntryError for a broken one.
    """
    driver_key = entry.data[CONF_DRIVER_KEY]
    try:
        return await load_driver(driver_key)
    except DriverError as err:
        if err.code is ErrorCode.UNKNOWN_DRIVER:
            return GuardedDriver
        async_show_issue(hass, entry, err.code)
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key=err.code,
            translation_placeholders={"driver": driver_key},
        ) from err


async def _async_register(
    entry: FilamentSlotsConfigEntry, handler: EventHandler
) -> int:
    """Register the entry's printer in the store and return its id."""
    assert entry.unique_id is not None
    return await handler.register_printer(
        entry.unique_id, entry.title, entry.data[CONF_DRIVER_KEY], entry.entry_id
    )


async def _async_make_coordinator(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    core: SharedCore,
    driver_class: type[Driver],
) -> SlotCoordinator:
    """Return the coordinator, with the stored state of the printer."""
    printer_id = await _async_register(entry, core.handler)
    async_settle_history(hass, printer_id)
    try:
        return SlotCoordinator(hass, entry, core, printer_id, driver_class)
    except ValidationError as err:
        async_show_issue(hass, entry, ErrorCode.INVALID_CONFIG)
        # Name the field but never its value, which may be the access code.
        fields = ", ".join(
            ".".join(str(part) for part in error["loc"]) for error in err.errors()
        )
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="invalid_config",
            translation_placeholders={
                "driver": driver_class.driver_key,
                "field": fields,
            },
        ) from None
