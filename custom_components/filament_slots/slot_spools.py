"""Which spool of an inventory is in each slot, and what that is known from."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.hass_dict import HassKey

from .colours import alike_colours
from .const import DOMAIN
from .coordinator import SIGNAL_SPOOL_CHOSEN, SlotCoordinator
from .core.handler import EventHandler
from .core.slot_state import SlotKey
from .core.tables.links import SpoolLink, linked_by
from .inventory.base import Changes, Spool
from .inventory.registry import INVENTORIES
from .inventory_entry import InventoryHost
from .materials import same_material
from .model import Filament, Identifiers, StoredSlot
from .remaining import remaining_percent
from .runtime import async_shared_core, require_store
from .spool_finder import Finding, FoundBy, SpoolFinder, chip_tags

_KEY: HassKey[SlotSpools] = HassKey(f"{DOMAIN}_slot_spools")

type Listener = Callable[[SlotCoordinator, SlotKey], None]
type Slot = tuple[SlotCoordinator, SlotKey]


class LinkSource(StrEnum):
    """What the spool in a slot is known from.

    printer: the printer reports its id in the inventory. assigned: a user assigned that
    id to the slot. link: a user linked the spool that the printer reports to it. tag: the
    inventory knows the tag.
    """

    PRINTER = "printer"
    ASSIGNED = "assigned"
    LINK = "link"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSpool:
    """The inventory's spool in a slot: its values, and the inventory that has them."""

    host: InventoryHost
    spool: Spool
    source: LinkSource

    @property
    def remaining_percent(self) -> float | None:
        """What is left of a full spool; None where either is not known."""
        return remaining_percent(self.spool.remaining_g, self.spool.weight_g)

    @property
    def low(self) -> bool | None:
        """Whether little is left; None if that is not known."""
        limit = self.host.low_limit(self.spool)
        return limit.is_low(self.remaining_percent, self.spool.remaining_g)

    def mismatch(self, filament: Filament | None) -> bool | None:
        """Return whether a slot's material or colour is another than the spool's.

        None where neither of them is known on both sides.
        """
        if filament is None:
            return None
        shown = filament.all_colours
        alike = {
            same_material(filament.material, self.spool.material),
            alike_colours(shown, self.spool.colors),
        } - {None}
        return False in alike if alike else None


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The spool in a slot, and what it was found by.

    spool: as the printer names it, else a user; None if the slot has none.
    """

    spool: Identifiers | None
    assigned: bool
    finding: Finding
    found: SlotSpool | None

    @property
    def ids(self) -> list[tuple[InventoryHost, int]]:
        """The spools of inventories that it may be."""
        return [(host, spool.id) for host, spool in self.finding.candidates]


def spool_in_slot(slot: StoredSlot) -> tuple[Identifiers | None, bool]:
    """Return the spool in a slot, and whether a user assigned it."""
    if slot.identifiers.known:
        return slot.identifiers, False
    if slot.assigned_external_id is not None:
        return Identifiers(external_id=slot.assigned_external_id), True
    return None, False


@callback
def slot_spools(hass: HomeAssistant) -> SlotSpools:
    """Return the spools in the slots of all printers."""
    if _KEY not in hass.data:
        hass.data[_KEY] = SlotSpools(hass)
    return hass.data[_KEY]


class SlotSpools:
    """Finds the spool of an inventory in each slot again where something changed."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start without printers and inventories."""
        self._hass = hass
        self._finder = SpoolFinder()
        self._printers: dict[SlotCoordinator, dict[SlotKey, _Resolved]] = {}
        # By the keys of their findings.
        self._slots: dict[str, set[Slot]] = {}
        self._listeners: list[Listener] = []
        self._problem_listeners: list[Callable[[], None]] = []
        self._link_listeners: list[Callable[[Collection[Identifiers]], None]] = []
        # It is another one each time the store is opened.
        self._handler: EventHandler | None = None

    @property
    def hosts(self) -> Sequence[InventoryHost]:
        """The inventories that are followed."""
        return self._finder.hosts

    def of(self, coordinator: SlotCoordinator, key: SlotKey) -> SlotSpool | None:
        """Return the spool in a slot; None where there is none, or none is known."""
        resolved = self._printers.get(coordinator, {}).get(key)
        return resolved.found if resolved else None

    def finding(self, coordinator: SlotCoordinator, key: SlotKey) -> Finding | None:
        """Return what was found for a slot; None for one that is not followed."""
        resolved = self._printers.get(coordinator, {}).get(key)
        return resolved.finding if resolved else None

    def identify(self, spool: Identifiers) -> SlotSpool | None:
        """Return the spool of an inventory that a spool is, wherever it is."""
        return _slot_spool(self._finder.find(spool), assigned=False)

    def linkable(self, slot: StoredSlot) -> bool:
        """Return whether the spool in a slot can be linked to one of an inventory.

        One that has a number of an inventory needs no link.
        """
        spool = spool_in_slot(slot)[0]
        if spool is None or linked_by(spool) is None or not self.hosts:
            return False
        return (spool.external_id or "").partition(":")[0] not in INVENTORIES

    def links_of(self, spool: Identifiers) -> list[Identifiers]:
        """Return by what a spool is linked; empty if it is not."""
        link = self._finder.link_of(spool)
        return [link.spool] if link else []

    def elsewhere(self, coordinator: SlotCoordinator, key: SlotKey) -> list[Slot]:
        """Return the other slots in which the spool of a slot is, too."""
        found = self.of(coordinator, key)
        return [
            (printer, slot)
            for printer, slots in self._printers.items()
            for slot, other in slots.items()
            if found is not None and other.found is not None
            if (printer, slot) != (coordinator, key)
            if (other.found.host, other.found.spool.id) == (found.host, found.spool.id)
        ]

    def problems(self) -> list[tuple[Slot, Finding]]:
        """Return the slots of which it is not known which spool is in them, with why."""
        return [
            ((printer, key), resolved.finding)
            for printer, slots in self._printers.items()
            for key, resolved in slots.items()
            if resolved.finding.problem is not None
        ]

    def broken_links(self, host: InventoryHost) -> list[SpoolLink]:
        """Return the links to spools that an inventory no longer has, or exchanged."""
        return self._finder.broken_links(host)

    async def async_link(
        self, spool: Identifiers, host: InventoryHost, target: Spool
    ) -> None:
        """Link a spool permanently to one of an inventory. Raises StoreError.

        spool: as `linked_by` returns it.
        """
        link = SpoolLink(
            spool=spool,
            inventory=host.entry.entry_id,
            inventory_spool_id=target.id,
            registered=target.registered,
        )
        await self._async_choose(require_store(self._hass).handler.link(link), [spool])
        stored = self._finder.link_of(spool)
        host.async_write_tags(target, chip_tags(spool, stored.chips if stored else ()))

    async def async_unlink(self, spools: Collection[Identifiers]) -> None:
        """Remove the links of these spools. Raises StoreError."""
        await self._async_choose(
            require_store(self._hass).handler.unlink(spools), spools
        )

    async def _async_choose(
        self, change: Coroutine[Any, Any, None], spools: Collection[Identifiers]
    ) -> None:
        """Change the links of spools, and report the slots that have another by it."""
        before = {slot: _id(self.of(*slot)) for slot in self._all_slots()}
        await change
        for slot in self._all_slots():
            if _id(self.of(*slot)) != before.get(slot):
                async_dispatcher_send(self._hass, SIGNAL_SPOOL_CHOSEN, *slot)
        for listener in list(self._link_listeners):
            listener(spools)

    @callback
    def async_subscribe(self, listener: Listener) -> CALLBACK_TYPE:
        """Subscribe to slots in which another spool is, or one with other values.

        It is called before the listeners of the slot's coordinator.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_subscribe_links(
        self, listener: Callable[[Collection[Identifiers]], None]
    ) -> CALLBACK_TYPE:
        """Subscribe to the spools that a user links or unlinks, wherever they are."""
        self._link_listeners.append(listener)
        return lambda: self._link_listeners.remove(listener)

    @callback
    def async_subscribe_problems(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Subscribe to changes after which `problems` or `broken_links` may differ."""
        self._problem_listeners.append(listener)
        return lambda: self._problem_listeners.remove(listener)

    @callback
    def async_follow_printer(self, coordinator: SlotCoordinator) -> CALLBACK_TYPE:
        """Follow the slots of a printer until the returned function is called."""
        slots = self._printers[coordinator] = {}
        handler = async_shared_core(self._hass).handler
        if handler is not self._handler:
            self._handler = handler
            handler.subscribe_links(self._async_take_links)
            self._async_take_links()

        @callback
        def updated() -> None:
            self._async_resolve(
                [
                    (coordinator, key)
                    for key, slot in coordinator.data.slots.items()
                    if (known := slots.get(key)) is None
                    or (known.spool, known.assigned) != spool_in_slot(slot)
                ]
            )

        @callback
        def unfollow() -> None:
            unsubscribe()
            for key in slots:
                self._forget((coordinator, key))
            del self._printers[coordinator]
            self._async_problems_changed()

        unsubscribe = coordinator.async_add_listener(updated)
        updated()
        return unfollow

    @callback
    def async_follow_inventory(self, host: InventoryHost) -> CALLBACK_TYPE:
        """Follow the spools of an inventory until the returned function is called."""

        @callback
        def changed(changes: Changes) -> None:
            affected = self._finder.update(host, changes)
            if not changes:
                self._async_resolve(self._all_slots(), others=True)
                return
            slots = {slot for key in affected.keys for slot in self._slots.get(key, ())}
            self._async_resolve(slots, others=affected.others)

        @callback
        def unfollow() -> None:
            unsubscribe()
            self._finder.remove(host)
            self._async_resolve(self._all_slots(), others=True)

        unsubscribe = host.async_subscribe(changed)
        self._finder.add(host)
        self._async_resolve(self._all_slots(), others=True)
        return unfollow

    @callback
    def _async_take_links(self) -> None:
        """Take the links of the store, which have changed."""
        assert self._handler is not None
        self._finder.set_links(self._handler.links)
        self._async_resolve(self._all_slots(), others=True)

    def _all_slots(self) -> list[Slot]:
        return [
            (printer, key) for printer, slots in self._printers.items() for key in slots
        ]

    @callback
    def _async_resolve(self, slots: Collection[Slot], *, others: bool = False) -> None:
        """Find the spools of some slots again; call the listeners of those that differ.

        others: whether there are other links, or other spools in an inventory.
        """
        before = {slot: self._printers[slot[0]].get(slot[1]) for slot in slots}
        for slot in slots:
            self._resolve(slot)
        after = {slot: self._printers[slot[0]][slot[1]] for slot in slots}
        pairs = [(slot, before[slot], after[slot]) for slot in slots]
        if others or any(
            known is None
            or (known.ids, known.finding.problem) != (now.ids, now.finding.problem)
            for _, known, now in pairs
        ):
            self._async_problems_changed()
        for slot, known, now in pairs:
            if now.found != (known and known.found):
                for listener in list(self._listeners):
                    listener(*slot)

    def _resolve(self, slot: Slot) -> None:
        coordinator, key = slot
        self._forget(slot)
        spool, assigned = spool_in_slot(coordinator.data.slots[key])
        finding = Finding() if spool is None else self._finder.find(spool)
        for each in finding.keys:
            self._slots.setdefault(each, set()).add(slot)
        self._printers[coordinator][key] = _Resolved(
            spool, assigned, finding, _slot_spool(finding, assigned=assigned)
        )

    def _forget(self, slot: Slot) -> None:
        """Forget what a slot's spool was found by."""
        coordinator, key = slot
        known = self._printers[coordinator].get(key)
        for each in known.finding.keys if known else ():
            self._slots[each].discard(slot)
            if not self._slots[each]:
                del self._slots[each]

    @callback
    def _async_problems_changed(self) -> None:
        """Tell inventories which of their spools are in use, and subscribers to look."""
        used = self._finder.linked_ids()
        for slots in self._printers.values():
            for resolved in slots.values():
                for host, spool_id in resolved.ids:
                    used[host].add(spool_id)
        for host, spool_ids in used.items():
            host.async_use(frozenset(spool_ids))
        for listener in list(self._problem_listeners):
            listener()


def _id(found: SlotSpool | None) -> tuple[InventoryHost, int] | None:
    return (found.host, found.spool.id) if found else None


def _slot_spool(finding: Finding, *, assigned: bool) -> SlotSpool | None:
    if finding.problem is not None or not finding.candidates:
        return None
    ((host, spool),) = finding.candidates
    match finding.by:
        case FoundBy.ID:
            source = LinkSource.ASSIGNED if assigned else LinkSource.PRINTER
        case FoundBy.LINK:
            source = LinkSource.LINK
        case _:
            source = LinkSource.TAG
    return SlotSpool(host=host, spool=spool, source=source)
