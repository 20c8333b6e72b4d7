"""Scans of tags: the spool of a scanned tag is expected in the next slot that is filled."""

from datetime import timedelta
import logging
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .core.engine.errors import StoreError
from .core.expectations import USUAL_WAIT, Assigned, Expectation
from .inventory.base import Scan
from .inventory_entry import InventoryHost
from .options import follows_scans
from .runtime import require_store
from .spool_ids import async_scanned_spool, async_spool_name

_LOGGER = logging.getLogger(__name__)

# Home Assistant's event for a tag that a phone or a reader has scanned.
_TAG_SCANNED: Final = "tag_scanned"
# A reader may report a tag more than once, and the server's and Home Assistant's both.
_AGAIN: Final = timedelta(seconds=3)


@callback
def async_follow_scans(hass: HomeAssistant, host: InventoryHost) -> CALLBACK_TYPE:
    """Follow scans until the returned function is called, if the entry's option is set.

    Those of the server's readers, and Home Assistant's tags that are of a known spool, by
    the id of the tag or by its name.
    """
    if not follows_scans(host.entry.options):
        return lambda: None

    @callback
    def expect(*texts: object) -> None:
        host.entry.async_create_task(hass, _async_expect(hass, *texts))

    @callback
    def tag_scanned(event: Event[dict[str, Any]]) -> None:
        expect(event.data.get("tag_id"), event.data.get("name"))

    @callback
    def scanned(scan: Scan) -> None:
        if scan.spool_id is None:
            expect(scan.tag)
        else:
            expect(host.external_id(scan.spool_id))

    unsubscribe = host.async_subscribe_scans(scanned)
    unlisten = hass.bus.async_listen(_TAG_SCANNED, tag_scanned)

    @callback
    def unfollow() -> None:
        unsubscribe()
        unlisten()

    return unfollow


async def _async_expect(hass: HomeAssistant, *texts: object) -> None:
    """Expect the spool that the first of these names, in any printer."""
    try:
        handler = require_store(hass).handler
        for text in texts:
            if isinstance(text, str) and (
                external_id := await async_scanned_spool(hass, text)
            ):
                break
        else:
            _LOGGER.debug("A tag was scanned that is of no known spool")
            return
        name = await async_spool_name(hass, external_id)
    except StoreError as err:
        _LOGGER.debug("A tag was scanned, and no spool can be expected: %s", err)
        return
    now = dt_util.utcnow()
    if any(
        announced.expectation.assigned.external_id == external_id
        and now - announced.expectation.since < _AGAIN
        for announced in handler.announced()
    ):
        return
    handler.expect(
        Expectation(
            printer_id=None,
            assigned=Assigned(external_id=external_id),
            name=name,
            since=now,
            until=now + USUAL_WAIT,
        )
    )
