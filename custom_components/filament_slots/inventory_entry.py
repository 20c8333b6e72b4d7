"""Entry of an inventory: its set-up, its health, and what has to be known of its spools."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.storage import Store
from pydantic import ValidationError

from .const import CONF_INVENTORY_KEY, DOMAIN
from .core.engine.errors import StoreError
from .core.tables.locations import forget_pending
from .driver_log import DriverLog
from .inventory.base import (
    Changes,
    Inventory,
    InventoryError,
    InventoryErrorCode,
    InventoryProbe,
    InventoryServices,
    InventoryStatus,
    Scan,
    Spool,
)
from .inventory.health import InventoryHealth
from .inventory.identities import Identities
from .inventory.registry import INVENTORIES
from .inventory.spool_memory import pack_spools, unpack_spools
from .location_options import write_options
from .location_queue import LocationQueue
from .network.clock import LoopClock
from .options import follows_scans, low_limit
from .remaining import LowLimit
from .repairs_inventory import (
    async_forget_inventory_issues,
    async_show_inventory_issues,
)
from .runtime import SIGNAL_PRINTER_DELETED, async_shared_core

_LOGGER = logging.getLogger(__name__)

_STORE_VERSION: Final = 1
# Seconds in which many new spools are written once.
_SAVE_DELAY: Final = 10.0

type InventoryConfigEntry = ConfigEntry[InventoryHost]
type ChangesListener = Callable[[Changes], None]
type ScanListener = Callable[[Scan], None]


async def async_setup_inventory(
    hass: HomeAssistant, entry: InventoryConfigEntry
) -> None:
    """Set up an inventory, whether its server is there or not."""
    kind = INVENTORIES.get(entry.data[CONF_INVENTORY_KEY])
    if kind is None:
        raise ConfigEntryError(
            translation_domain=DOMAIN, translation_key="unknown_inventory"
        )
    stored = await _store(hass, entry).async_load()
    try:
        host = InventoryHost(hass, entry, kind, stored)
    except ValidationError as err:
        # Name the field but never its value, which may be the key.
        fields = ", ".join(str(error["loc"][0]) for error in err.errors())
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="invalid_inventory",
            translation_placeholders={"field": fields},
        ) from None

    async def stop(_: Event) -> None:
        await host.async_stop()

    # Entries are not unloaded when Home Assistant stops.
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    entry.runtime_data = host
    await host.async_start()


async def async_unload_inventory(entry: InventoryConfigEntry) -> bool:
    """Stop the inventory."""
    await entry.runtime_data.async_stop()
    return True


async def async_remove_inventory(
    hass: HomeAssistant, entry: InventoryConfigEntry
) -> None:
    """Forget what was stored for the inventory."""
    async_forget_inventory_issues(hass, entry)
    await _store(hass, entry).async_remove()
    if write_options(entry.options).any:
        core = async_shared_core(hass)
        try:
            async with core.use():
                await core.store.write(lambda db: forget_pending(db, entry.entry_id))
        except StoreError as err:
            _LOGGER.debug("What waits to be written could not be deleted: %s", err)


async def async_probe_inventory(
    hass: HomeAssistant, kind: type[Inventory], config: Mapping[str, Any]
) -> InventoryProbe:
    """Connect to a server once.

    Raises pydantic.ValidationError for a config that the inventory refuses,
    InventoryError with the cause of a failure.
    """
    try:
        return await kind.probe(config, _services(hass, DriverLog("Set-up")))
    except InventoryError, ValidationError:
        raise
    except Exception as err:
        _LOGGER.exception("Unexpected error while probing an inventory")
        raise InventoryError(InventoryErrorCode.UNKNOWN, type(err).__name__) from err


def loaded_inventories(hass: HomeAssistant) -> list[InventoryHost]:
    """Return the inventories of all loaded entries."""
    return [
        entry.runtime_data
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
        if CONF_INVENTORY_KEY in entry.data
    ]


def inventory_config(entry: InventoryConfigEntry) -> dict[str, Any]:
    """Return the inventory's own config of an entry."""
    return {
        key: value for key, value in entry.data.items() if key != CONF_INVENTORY_KEY
    }


class InventoryHost:
    """Runs the inventory of an entry, and raises the repairs of its server.

    entry: its entry.
    log: its lines, for diagnostics.
    is_complete: whether all spools were read since the start.
    identities: which spool each id stands for.
    queue: of what is written to the server; None where nothing is to be, or the store
    cannot be opened.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: InventoryConfigEntry,
        kind: type[Inventory],
        stored: object,
    ) -> None:
        """Create the inventory, without starting it; raises pydantic.ValidationError.

        stored: what the last run has stored.
        """
        self.entry = entry
        self.log = DriverLog(entry.title, entry.entry_id)
        self.identities = Identities(stored)
        self.is_complete = False
        self._used: frozenset[int] = frozenset()
        self._remembered = unpack_spools(
            stored.get("spools") if isinstance(stored, dict) else None
        )
        self._saved = self._remembered
        self.queue: LocationQueue | None = None
        self._hass = hass
        self._store = _store(hass, entry)
        self._stopped = False
        self._listeners: list[ChangesListener] = []
        self._scan_listeners: list[ScanListener] = []
        self._services = _services(
            hass,
            self.log,
            health_changed=self._async_health_changed,
            changed=self._async_changed,
            scanned=self._async_scanned if follows_scans(entry.options) else None,
        )
        self._inventory = kind(inventory_config(entry), self._services)

    @property
    def spools(self) -> Mapping[int, Spool]:
        """The spools of the server, as last read since the start."""
        return self._inventory.spools

    @property
    def last_known(self) -> tuple[Spool, ...]:
        """The spools that `find` returns."""
        before = {} if self.is_complete else self._remembered
        return tuple({**before, **self.spools}.values())

    def find(self, spool_id: int) -> Spool | None:
        """Return a spool; as it was in the last run, until the server's are read."""
        found = self.spools.get(spool_id)
        if found is not None or self.is_complete:
            return found
        return self._remembered.get(spool_id)

    def external_id(self, spool_id: int) -> str:
        """Return a spool's id as printers report it: `spoolman:12`."""
        return f"{self._inventory.inventory_key}:{spool_id}"

    def spool_page(self, spool_id: int) -> str:
        """Return the URL of the server's page of a spool."""
        return self._inventory.spool_page(spool_id)

    def low_limit(self, spool: Spool) -> LowLimit:
        """Return how much is left on a spool at most that is low."""
        return low_limit(self.entry.options, spool.filament_numbers)

    @property
    def addresses(self) -> frozenset[str]:
        """The URLs by which codes on labels name the server."""
        return self._inventory.addresses

    @property
    def health(self) -> InventoryHealth:
        """The health of the inventory."""
        return self._inventory.health()

    async def async_start(self) -> None:
        """Start the inventory; returns at once."""
        self._async_update_issues()
        if write_options(self.entry.options).any:
            await self._async_start_queue()
        await self._inventory.start()

    async def async_stop(self) -> None:
        """Stop the inventory; harmless if it is stopped."""
        if self._stopped:
            return
        self._stopped = True
        await self._inventory.stop()
        if self.queue is not None:
            await self.queue.stop()
            await async_shared_core(self._hass).release()
        self._async_update_issues()
        if self._is_memory_outdated():
            await self._store.async_save(self._data_to_store())

    @callback
    def async_subscribe(self, listener: ChangesListener) -> CALLBACK_TYPE:
        """Subscribe to changes of spools; `spools` has each by then.

        It is called without any once all spools were read.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_write_tags(self, spool: Spool, tags: Iterable[str]) -> None:
        """Write the tags of a spool that a user linked, if the owner wants that."""
        if self.queue is None or not write_options(self.entry.options).tags:
            return
        for tag in tags:
            if tag not in (spool.tags or ()):
                self.queue.link(spool, tag)

    async def async_add_tag_field(self) -> str | None:
        """Create the field in which tags are stored, see `Inventory.add_tag_field`."""
        return await self._inventory.add_tag_field()

    @callback
    def async_subscribe_scans(self, listener: ScanListener) -> CALLBACK_TYPE:
        """Subscribe to scans of tags by the readers of the server."""
        self._scan_listeners.append(listener)
        return lambda: self._scan_listeners.remove(listener)

    @callback
    def async_use(self, spool_ids: frozenset[int]) -> None:
        """Take the ids that slots and links know spools by.

        They are known after a restart, too, before the server has answered.
        """
        if spool_ids == self._used:
            return
        self._used = spool_ids
        if self._is_memory_outdated():
            self._async_save()
        self._async_update_issues()

    async def _async_start_queue(self) -> None:
        """Start to write what waits; without a store nothing is written."""
        core = async_shared_core(self._hass)
        try:
            await core.acquire()
        except StoreError as err:
            # It has a repair of its own.
            _LOGGER.debug("Nothing is written to %s: %s", self.entry.title, err)
            return
        queue = LocationQueue(
            self._inventory,
            self._services,
            core.store,
            self.entry.entry_id,
            partial(core.async_audit, None),
        )
        try:
            await queue.start()
        except StoreError as err:
            _LOGGER.debug("Nothing is written to %s: %s", self.entry.title, err)
            await core.release()
        else:
            self.queue = queue

            @callback
            def forget(printer_id: int) -> None:
                queue.forget_printer(printer_id)

            self.entry.async_on_unload(
                async_dispatcher_connect(self._hass, SIGNAL_PRINTER_DELETED, forget)
            )

    @callback
    def async_confirm(self) -> None:
        """Note that the user knows of the ids that have another spool."""
        known = [self.find(spool_id) for spool_id in self.identities.reused]
        self.identities.confirm()
        self._async_save()
        self._async_update_issues()
        self._async_tell(Changes(changed=tuple(filter(None, known))))

    @callback
    def _async_changed(self, changes: Changes) -> None:
        used = self._used if self.is_complete else None
        if self.identities.take(changes.changed, self.spools, used):
            self._async_save()
            self._async_update_issues()
        self._async_tell(changes)

    @callback
    def _async_tell(self, changes: Changes) -> None:
        for listener in list(self._listeners):
            listener(changes)

    @callback
    def _async_scanned(self, scan: Scan) -> None:
        for listener in list(self._scan_listeners):
            listener(scan)

    @callback
    def _async_health_changed(self) -> None:
        if self._stopped:
            return
        if self.queue is not None:
            self.queue.wake()
        self._async_update_issues()
        status = self.health["status"]
        if status == InventoryStatus.AUTH_FAILED:
            self.entry.async_start_reauth(self._hass)
        if status == InventoryStatus.RUNNING and not self.is_complete:
            self.is_complete = True
            self._async_tell(Changes())

    @callback
    def _async_update_issues(self) -> None:
        async_show_inventory_issues(
            self._hass,
            self.entry,
            None if self._stopped else self.health,
            self.identities,
            self._used,
        )

    @callback
    def _async_save(self) -> None:
        self._store.async_delay_save(self._data_to_store, _SAVE_DELAY)

    def _is_memory_outdated(self) -> bool:
        # Printers may not be set up yet, or not any more.
        return bool(self._used) and self._spools_in_use() != self._saved

    def _spools_in_use(self) -> dict[int, Spool]:
        return {
            spool_id: spool
            for spool_id in self._used
            if (spool := self.find(spool_id)) is not None
        }

    def _data_to_store(self) -> dict[str, Any]:
        self._saved = self._spools_in_use()
        return {
            **self.identities.as_json(),
            "spools": pack_spools(self._saved.values()),
        }


def _store(hass: HomeAssistant, entry: InventoryConfigEntry) -> Store[dict[str, Any]]:
    return Store(hass, _STORE_VERSION, f"{DOMAIN}.{entry.entry_id}")


def _services(
    hass: HomeAssistant,
    log: DriverLog,
    *,
    health_changed: Callable[[], None] = lambda: None,
    changed: Callable[[Changes], None] = lambda changes: None,
    scanned: Callable[[Scan], None] | None = None,
) -> InventoryServices:
    return InventoryServices(
        session=async_get_clientsession(hass),
        clock=LoopClock(),
        log=log,
        health_changed=health_changed,
        changed=changed,
        scanned=scanned,
    )
