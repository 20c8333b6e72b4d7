"""Entity ids: a new entity is named as those that its device already has.

Home Assistant makes an entity id of the names that device and entity have at the time. A
device may have had another name when its first entities came: its unit was known without
its label, or it, its printer or its area was renamed, or the language was another one. The
ids of new entities would begin differently from those beside them. What exists is not renamed.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import takewhile
import re

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.util import slugify

from .const import DOMAIN
from .core.slot_state import SlotKey
from .devices import PrinterDevices, UnitKey

# What stands in an object id before and after the name of the entity.
type Frame = tuple[str, str]


@callback
def async_register_alike(
    entity: Entity,
    unique_id: str,
    devices: PrinterDevices,
    key: UnitKey | SlotKey | None,
) -> None:
    """Register an entity with the id it shall have, if it is new and has to be alike.

    For an entity that is being added to its platform, which knows the translated names.
    Home Assistant's own registration follows, and completes the rest. The entity does not
    suggest the id itself: "Recreate entity IDs" would keep such an id, beside new others.
    """
    registry = er.async_get(entity.hass)
    domain = entity.platform.domain
    if registry.async_get_entity_id(domain, DOMAIN, unique_id):
        return
    if (frame := _frame(registry, devices, key)) is None:
        return
    before, after = frame
    register = partial(
        registry.async_get_or_create,
        domain,
        DOMAIN,
        unique_id,
        config_entry=entity.platform.config_entry,
        device_id=devices.device_id(key),
        get_initial_options=entity.get_initial_entity_options,
        suggested_object_id=f"{before}{slugify(entity.suggested_object_id)}{after}",
    )
    if entity.entity_registry_enabled_default:
        register()
    else:
        register(disabled_by=er.RegistryEntryDisabler.INTEGRATION)


def _frame(
    registry: er.EntityRegistry,
    devices: PrinterDevices,
    key: UnitKey | SlotKey | None,
) -> Frame | None:
    """Return the frame of a device's entity ids; None for the one of Home Assistant.

    A slot without entities has that of its unit or printer, before its own name.
    """
    if frame := _shared_frame(_named_ids(registry, devices, key)):
        return frame
    # The user has chosen parts of ids, in which the name of the unit may be missing.
    if not isinstance(key, tuple) or registry.settings.entity_id_parts is not None:
        return None
    if not (frame := _shared_frame(_named_ids(registry, devices, key[0]))):
        return None
    before, after = frame
    return f"{before}{slugify(devices.device_name(key))}_", after


def _named_ids(
    registry: er.EntityRegistry,
    devices: PrinterDevices,
    key: UnitKey | SlotKey | None,
) -> list[tuple[str, str, str]]:
    """Return the object ids of a device's entities, each with its name and its key."""
    prefix = f"{devices.unique_id(key)}_"
    return [
        (
            entry.entity_id.partition(".")[2],
            slugify(entry.object_id_base),
            entry.unique_id.removeprefix(prefix),
        )
        for entry in er.async_entries_for_device(
            registry, devices.device_id(key), include_disabled_entities=True
        )
        if entry.platform == DOMAIN
    ]


def _shared_frame(named_ids: Iterable[tuple[str, str, str]]) -> Frame | None:
    """Return the frame that more than half of the ids have; None if there is none."""
    ids = [object_id for object_id, _, _ in named_ids]
    frames = Counter(
        (match[1] or "", match[2] or "")
        for object_id, name, key in named_ids
        if (match := _split(object_id, name, key))
    )
    if not frames and len(ids) > 1:
        # None has a name that is known: they differ in their names, after the frame.
        words = zip(*(each.split("_") for each in ids), strict=False)
        shared = takewhile(lambda same: len(set(same)) == 1, words)
        frames["".join(f"{word}_" for word, *_ in shared), ""] += 1
    for (before, after), _ in frames.most_common():
        alike = [
            each for each in ids if each.startswith(before) and each.endswith(after)
        ]
        if before + after and 2 * len(alike) > len(ids):
            return before, after
    return None


def _split(object_id: str, name: str, key: str) -> re.Match[str] | None:
    """Match what is before and after the name of the entity, without the number of a copy.

    The name is that of the present language, while the id may be of another one, or of
    an earlier version; most keys are English names.
    """
    return re.fullmatch(
        rf"(.*_)?{re.escape(name)}(?:_\d+|(_.*))?", object_id
    ) or re.fullmatch(rf"(.*_)?{re.escape(key)}(?:_\d+)?()", object_id)
