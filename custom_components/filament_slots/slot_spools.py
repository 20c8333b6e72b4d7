"""Which spool of an inventory is in each slot, and what that is known from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .colours import alike_colours
from .const import DOMAIN
from .coordinator import SlotCoordinator
from .core.slot_state import SlotKey
from .inventory.base import Changes, Spool
from .inventory_entry import InventoryHost
from .materials import same_material
from .model import Filament, Identifiers, StoredSlot
from .remaining import remaining_percent

_KEY: HassKey[SlotSpools] = HassKey(f"{DOMAIN}_slot_spools")

type Listener = Callable[[SlotCoordinator, SlotKey], None]
type _Slot = tuple[SlotCoordinator, SlotKey]


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
        shown = filament.colors or tuple(filter(None, [filament.color_hex]))
        alike = {
            same_material(filament.material, self.spool.material),
            alike_colours(shown, self.spool.colors),
        } - {None}
        return False in alike if alike else None


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The spool in a slot, and what it was found by."""

    reported: Identifiers
    assigned: str | None
    found: SlotSpool | None


@callback
def slot_spools(hass: HomeAssistant) -> SlotSpools:
    """Return the spools in the slots of all printers."""
    if _KEY not in hass.data:
        hass.data[_KEY] = SlotSpools()
    return hass.data[_KEY]


class SlotSpools:
    """Finds the spool of an inventory in each slot again where something changed."""

    def __init__(self) -> None:
        """Start without printers and inventories."""
        self._hosts: list[InventoryHost] = []
        self._printers: dict[SlotCoordinator, dict[SlotKey, _Resolved]] = {}
        # Which slots name each id of a spool, whether an inventory has it or not.
        self._slots: dict[str, set[_Slot]] = {}
        self._listeners: list[Listener] = []

    def of(self, coordinator: SlotCoordinator, key: SlotKey) -> SlotSpool | None:
        """Return the spool in a slot; None where there is none, or none is known."""
        resolved = self._printers.get(coordinator, {}).get(key)
        return resolved.found if resolved else None

    @callback
    def async_subscribe(self, listener: Listener) -> CALLBACK_TYPE:
        """Subscribe to slots in which another spool is, or one with other values.

        It is called before the listeners of the slot's coordinator.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_follow_printer(self, coordinator: SlotCoordinator) -> CALLBACK_TYPE:
        """Follow the slots of a printer until the returned function is called."""
        slots = self._printers[coordinator] = {}

        @callback
        def updated() -> None:
            self._async_resolve(
                (coordinator, key)
                for key, slot in coordinator.data.slots.items()
                if (known := slots.get(key)) is None
                or (known.reported, known.assigned) != _named(slot)
            )

        @callback
        def unfollow() -> None:
            unsubscribe()
            for key in slots:
                self._forget((coordinator, key))
            del self._printers[coordinator]

        unsubscribe = coordinator.async_add_listener(updated)
        updated()
        return unfollow

    @callback
    def async_follow_inventory(self, host: InventoryHost) -> CALLBACK_TYPE:
        """Follow the spools of an inventory until the returned function is called."""

        @callback
        def changed(changes: Changes) -> None:
            ids = {spool.id for spool in (*changes.changed, *changes.removed)}
            slots = [self._slots.get(host.external_id(each), ()) for each in ids]
            self._async_resolve({slot for group in slots for slot in group})

        @callback
        def unfollow() -> None:
            unsubscribe()
            self._hosts.remove(host)
            self._async_resolve(self._all_slots())

        unsubscribe = host.async_subscribe(changed)
        self._hosts.append(host)
        self._async_resolve(self._all_slots())
        return unfollow

    def _all_slots(self) -> list[_Slot]:
        return [
            (printer, key) for printer, slots in self._printers.items() for key in slots
        ]

    @callback
    def _async_resolve(self, slots: Iterable[_Slot]) -> None:
        """Find the spools of some slots again; call the listeners of those that differ."""
        changed = [slot for slot in slots if self._resolve(*slot)]
        for coordinator, key in changed:
            for listener in list(self._listeners):
                listener(coordinator, key)

    def _resolve(self, coordinator: SlotCoordinator, key: SlotKey) -> bool:
        """Find the spool of a slot again; return whether it differs."""
        before = self.of(coordinator, key)
        self._forget((coordinator, key))
        reported, assigned = _named(coordinator.data.slots[key])
        found = None
        if (named := reported.external_id or assigned) is not None:
            self._slots.setdefault(named, set()).add((coordinator, key))
            source = LinkSource.PRINTER if reported.external_id else LinkSource.ASSIGNED
            found = self._find(named, source)
        self._printers[coordinator][key] = _Resolved(reported, assigned, found)
        return found != before

    def _find(self, external_id: str, source: LinkSource) -> SlotSpool | None:
        """Return the spool with an id; None where no inventory has it, or several."""
        number = external_id.rpartition(":")[2]
        if not number.isdecimal():
            return None
        found = [
            SlotSpool(host=host, spool=spool, source=source)
            for host in self._hosts
            if host.external_id(int(number)) == external_id
            if (spool := host.spools.get(int(number))) is not None
        ]
        return found[0] if len(found) == 1 else None

    def _forget(self, slot: _Slot) -> None:
        """Forget which id a slot names."""
        coordinator, key = slot
        known = self._printers[coordinator].get(key)
        named = known and (known.reported.external_id or known.assigned)
        if named:
            self._slots[named].discard(slot)
            if not self._slots[named]:
                del self._slots[named]


def _named(slot: StoredSlot) -> tuple[Identifiers, str | None]:
    """Return how the spool in a slot is named: by the printer, else by a user."""
    reported = slot.identifiers
    return reported, None if reported.known else slot.assigned_external_id
