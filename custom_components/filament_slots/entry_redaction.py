"""The ids and secrets of a printer's entry, to be replaced in what a user shares."""

from collections.abc import Iterable
from typing import Final

from .const import CONF_DRIVER_KEY, CONF_MODEL
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, is_loaded
from .redaction import Pseudonyms
from .slot_spools import slot_spools

# Everything else in an entry's data may be a secret of some driver.
SHOWN: Final = frozenset({CONF_DRIVER_KEY, CONF_MODEL, "port", "verify_ssl"})


def entry_pseudonyms(entry: FilamentSlotsConfigEntry) -> Pseudonyms:
    """Return the pseudonyms for all ids and secrets of the entry."""
    identity = str(entry.unique_id)
    secrets = [
        value
        for name, value in entry.data.items()
        if name not in SHOWN and isinstance(value, str) and value != identity
    ]
    if is_loaded(entry):
        ids = _ids(entry.runtime_data)
        # The title of an inventory's entry names its server.
        hosts = slot_spools(entry.runtime_data.hass).hosts
        secrets += [host.entry.title for host in hosts]
    else:
        ids = ()
    return Pseudonyms(ids=[identity, *ids], secrets=secrets)


def _ids(coordinator: SlotCoordinator) -> Iterable[str]:
    """Yield the serials of the units and the ids of the spools."""
    for unit in coordinator.data.units.values():
        # A unit without a serial number is known by its name, which is no secret.
        if unit.serial is not None and unit.serial != unit.label:
            yield unit.serial
    for slot in coordinator.data.slots.values():
        spool = slot.identifiers
        for known in (spool.rfid_uid, spool.external_id, slot.assigned_external_id):
            if known is not None:
                yield known
