"""Which spool a user means who enters or scans something: all spellings, in one place."""

from collections.abc import Iterator
import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .const import CONF_INVENTORY_KEY
from .core.tables.library import SpoolFilter, read_spools, read_spools_of
from .errors import invalid
from .inventory.registry import INVENTORIES, NUMBERED
from .inventory.tags import same_chip, spool_tags, tag_key
from .inventory_entry import loaded_inventories
from .model import Identifiers, clean_tag
from .options import CONF_TAG_FIELD
from .runtime import require_store

_MAX_EXTERNAL_ID: Final = 128
_EXTERNAL_ID: Final = re.compile(r"[a-z][a-z0-9_]*:\S(.*\S)?")
# Longer ones are ids of tags.
_NUMBER: Final = re.compile(r"#?(\d{1,7})")
# At least four bytes; a colon separates bytes only, as it is in the id of a spool, too.
_TAG: Final = re.compile(
    r"(?:0X)?[0-9A-F]{2}(?:(?::[0-9A-F]{2}){3,31}|(?:[- ]?[0-9A-F]){6,62})"
)
_MOST: Final = 20


async def async_spool_id(hass: HomeAssistant, text: str) -> str:
    """Return the id of a spool as it is stored: `spoolman:12`.

    text: such an id, a number of Spoolman, the text of a label's code, or the id of a
    tag of a spool. Raises ServiceValidationError, whose text a user can act on, for
    anything else; StoreError where the library cannot be read.
    """
    text = text.strip()
    if (found := _in_code(hass, text)) is not None:
        return found
    if match := _NUMBER.fullmatch(text):
        return f"{NUMBERED}:{int(match[1])}"
    if _TAG.fullmatch(text.upper()):
        return await _async_tagged(hass, re.sub(r"[-: ]|^0X", "", text.upper()))
    system, _, number = text.partition(":")
    text = f"{system.strip().lower()}:{number.strip()}"
    if (
        "://" in text
        or len(text) > _MAX_EXTERNAL_ID
        or not _EXTERNAL_ID.fullmatch(text)
    ):
        raise invalid("invalid_spool_id")
    return text


async def async_scanned_spool(hass: HomeAssistant, text: str) -> str | None:
    """Return the id of the spool that a scan names; None if it names no known one.

    A number alone may be the id of any tag of the house. Raises StoreError.
    """
    if _NUMBER.fullmatch(text.strip()):
        return None
    try:
        external_id = await async_spool_id(hass, text)
    except ServiceValidationError:
        return None
    return external_id if await async_spool_name(hass, external_id) else None


async def async_spool_name(hass: HomeAssistant, external_id: str) -> str | None:
    """Return the name of a spool that an inventory or the library knows, else its id.

    None if neither knows it. Raises StoreError where the library cannot be read.
    """
    for host in loaded_inventories(hass):
        for spool in host.spools.values():
            if host.external_id(spool.id) == external_id:
                return spool.name or spool.material or external_id
    known = await read_spools_of(
        require_store(hass).store, [Identifiers(external_id=external_id)]
    )
    return known[0].name or external_id if known else None


def _in_code(hass: HomeAssistant, text: str) -> str | None:
    """Return the id in the text of a code, which has to be of a server that is set up.

    Without any such server there is only one that the user can mean.
    """
    for key, kind in INVENTORIES.items():
        if (code := kind.read_code(text)) is None:
            continue
        addresses = [
            host.addresses
            for host in loaded_inventories(hass)
            if host.entry.data[CONF_INVENTORY_KEY] == key
        ]
        if (
            code.address
            and addresses
            and code.address not in frozenset().union(*addresses)
        ):
            raise invalid("code_of_another_server", address=code.address)
        return f"{key}:{code.spool_id}"
    return None


async def _async_tagged(hass: HomeAssistant, tag: str) -> str:
    """Return the id of the spool with a tag: of an inventory, else of the library."""
    if clean_tag(tag) is None:
        raise invalid("unknown_tag")
    found = set(_in_inventories(hass, tag)) or await _async_in_library(hass, tag)
    if len(found) > 1:
        raise invalid("tag_of_several", spools=", ".join(sorted(found)))
    if not found:
        raise invalid("unknown_tag")
    return found.pop()


def _in_inventories(hass: HomeAssistant, tag: str) -> Iterator[str]:
    for host in loaded_inventories(hass):
        tag_field = host.entry.options.get(CONF_TAG_FIELD)
        for spool in host.spools.values():
            if any(same_chip(tag, known) for known in spool_tags(spool, tag_field)):
                yield host.external_id(spool.id)


async def _async_in_library(hass: HomeAssistant, tag: str) -> set[str]:
    listed = await read_spools(
        require_store(hass).store, SpoolFilter(words=(tag_key(tag),)), limit=_MOST
    )
    return {
        spool.external_id
        for spool in listed.spools
        if spool.external_id is not None
        and any(same_chip(tag, known) for known in spool.tag_ids)
    }
