"""Actions on links: which spool of an inventory a spool is, in every slot from then on."""

from typing import Any, Final, TypedDict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
import probatio

from .const import DOMAIN
from .core.engine.errors import StoreError
from .core.tables.library import read_spool
from .core.tables.links import linked_by
from .errors import invalid, store_failure
from .inventory.base import Spool
from .inventory.registry import INVENTORIES
from .inventory_entry import InventoryHost, loaded_inventories
from .model import Identifiers
from .places import place_of
from .runtime import require_store
from .serializers import SlotSpoolData, spool_data
from .services_store import audited
from .slot_spools import slot_spools, spool_in_slot
from .spool_ids import async_spool_id

_SPOOL_ID: Final = "spool_id"
_ENTRY: Final = "config_entry_id"
# Which spool of ours.
_OURS: Final[dict[Any, Any]] = {
    probatio.Exclusive(ATTR_DEVICE_ID, "spool"): cv.string,
    probatio.Exclusive(_SPOOL_ID, "spool"): probatio.All(
        probatio.Coerce(int), probatio.Range(1, 2**63 - 1)
    ),
}
_ONE: Final = cv.has_at_least_one_key(ATTR_DEVICE_ID, _SPOOL_ID)
_LINK: Final = probatio.All(
    {
        **_OURS,
        probatio.Required("external_id"): probatio.All(probatio.Coerce(str), str.strip),
        probatio.Optional(_ENTRY): cv.string,
    },
    _ONE,
)
_UNLINK: Final = probatio.All(_OURS, _ONE)


class LinkAnswer(TypedDict):
    """The spool of the inventory, as a slot has it; null if its inventory was unloaded."""

    spool: SlotSpoolData | None


class UnlinkAnswer(TypedDict):
    """Nothing."""


@callback
def async_setup_link_services(hass: HomeAssistant) -> None:
    """Register the actions, independent of any entry; for administrators."""
    for name, handler, schema in (
        ("link_spool", _async_link_spool, probatio.Schema(_LINK)),
        ("unlink_spool", _async_unlink_spool, probatio.Schema(_UNLINK)),
    ):
        async_register_admin_service(
            hass,
            DOMAIN,
            name,
            audited(handler),
            schema,
            supports_response=SupportsResponse.OPTIONAL,
        )


async def _async_link_spool(call: ServiceCall) -> LinkAnswer:
    """Link a spool to one of an inventory."""
    hass = call.hass
    try:
        external_id = await async_spool_id(hass, call.data["external_id"])
        host, target = _target(hass, external_id, call.data.get(_ENTRY))
        spool, name = await _async_ours(call)
        kind = (spool.external_id or "").partition(":")[0]
        if kind in INVENTORIES and spool.external_id != host.external_id(target.id):
            raise invalid("spool_has_number", spool=name, id=spool.external_id or "")
        await slot_spools(hass).async_link(spool, host, target)
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    found = slot_spools(hass).identify(spool)
    return {"spool": spool_data(found) if found else None}


async def _async_unlink_spool(call: ServiceCall) -> UnlinkAnswer:
    """Remove the links of a spool; harmless for one without."""
    try:
        spool, _ = await _async_ours(call)
        spools = slot_spools(call.hass)
        await spools.async_unlink(spools.links_of(spool))
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    return {}


async def _async_ours(call: ServiceCall) -> tuple[Identifiers, str]:
    """Return what the given spool is linked by, and how to name it in an error."""
    hass = call.hass
    if _SPOOL_ID in call.data:
        number = call.data[_SPOOL_ID]
        known = await read_spool(require_store(hass).store, number)
        if known is None:
            raise invalid("unknown_spool", spool=str(number))
        spool = Identifiers(
            external_id=known.external_id, rfid_uid=next(iter(known.tag_ids), None)
        )
        name = known.name or str(number)
    else:
        place = place_of(hass, call.data[ATTR_DEVICE_ID])
        if place.slot is None:
            raise invalid("not_a_slot", device=place.name)
        inside = spool_in_slot(place.coordinator.data.slots[place.slot])[0]
        spool, name = inside or Identifiers(), place.name
    if (linked := linked_by(spool)) is None:
        raise invalid("no_stable_identity", slot=name)
    return linked, name


def _target(
    hass: HomeAssistant, external_id: str, entry_id: str | None
) -> tuple[InventoryHost, Spool]:
    """Return the spool of an inventory with an id such as `spoolman:12`."""
    number = external_id.rpartition(":")[2]
    spool_id = int(number) if number.isdecimal() else -1
    found = [
        (host, spool)
        for host in loaded_inventories(hass)
        if entry_id in (None, host.entry.entry_id)
        if external_id == host.external_id(spool_id)
        if (spool := host.find(spool_id)) is not None
    ]
    if not found:
        raise invalid("unknown_inventory_spool", spool=external_id)
    if len(found) > 1:
        names = ", ".join(host.entry.title for host, _ in found)
        raise invalid(
            "spool_of_several_inventories", spool=external_id, inventories=names
        )
    return found[0]
