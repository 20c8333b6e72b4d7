"""Actions on the store, for administrators: purge, delete, retry, re-fire, export."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import cache, wraps
import logging
from pathlib import Path
from typing import Any, Final, TypedDict

from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util
import probatio

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, loaded_entries
from .core.engine.errors import StoreError
from .core.tables.export import Format, export_events
from .core.tables.history import EventFilter
from .core.tables.printers import removed_printers
from .errors import failure, invalid, store_failure
from .model import iso_utc
from .runtime import async_shared_core, require_store

# What a handler returns is a typed dictionary: docs/websocket.schema.json is made of it.
type Handler = Callable[[ServiceCall], Coroutine[Any, Any, Mapping[str, object]]]
type PlainHandler = Callable[[ServiceCall], Coroutine[Any, Any, dict[str, Any]]]

_LOGGER = logging.getLogger(__name__)


def utc_datetime(value: object) -> datetime:
    """Validate a time, by default in Home Assistant's time zone; return it in UTC.

    Raises ServiceValidationError for one that has no UTC, at either end of the calendar.
    """
    at = cv.datetime(value)
    try:
        return dt_util.as_utc(at)
    except OverflowError as err:
        raise invalid("time_out_of_range", time=str(value)) from err


def _path(value: object) -> str:
    """Validate the path of a file; raises ServiceValidationError where it is none."""
    path = cv.string(value)
    if "\0" in path or not Path(path).name:
        raise invalid(
            "path_not_allowed", path=path.replace("\0", "\N{REPLACEMENT CHARACTER}")
        )
    return path


_ENTRY: Final = "config_entry_id"
_RANGE: Final[dict[Any, Any]] = {
    probatio.Optional(_ENTRY): cv.string,
    probatio.Required("start_time"): utc_datetime,
    probatio.Optional("end_time"): utc_datetime,
}
_PURGE: Final = probatio.Schema(
    {
        probatio.Optional(_ENTRY): cv.string,
        probatio.Optional("keep_days"): probatio.All(
            probatio.Coerce(int), probatio.Range(0, 3650)
        ),
    }
)
_DELETE: Final = probatio.Schema(
    {
        probatio.Required("printer_id"): probatio.All(
            probatio.Coerce(int), probatio.Range(1, 2**31)
        )
    }
)
_RETRY: Final = probatio.Schema(
    {
        probatio.Optional("batch_size", default=100): probatio.All(
            probatio.Coerce(int), probatio.Range(1, 500)
        )
    }
)
_REFIRE: Final = probatio.Schema(_RANGE)
_EXPORT: Final = probatio.Schema(
    _RANGE
    | {
        probatio.Required("path"): _path,
        probatio.Optional("format", default=Format.CSV): probatio.Coerce(Format),
    }
)


class PurgeAnswer(TypedDict):
    """How many events were deleted, and the size of the file now."""

    events: int
    database_bytes: int


class DeleteAnswer(TypedDict):
    """How many events and spools were deleted, and the size of the file now."""

    events: int
    spools: int
    database_bytes: int


class RetryAnswer(TypedDict):
    """How many failed events are in history now, failed again, and are left."""

    replayed: int
    failed: int
    remaining: int


class RefireAnswer(TypedDict):
    """How many events were re-fired."""

    events: int


class ExportAnswer(TypedDict):
    """The file, and how many events are in it."""

    path: str
    events: int


@callback
def async_setup_store_services(hass: HomeAssistant) -> None:
    """Register the actions, independent of any entry."""
    for name, handler, schema in (
        ("purge", _async_purge, _PURGE),
        ("delete_printer_history", _async_delete_printer_history, _DELETE),
        ("retry_failed_events", _async_retry_failed_events, _RETRY),
        ("refire_events", _async_refire_events, _REFIRE),
        ("export", _async_export, _EXPORT),
        # Deprecated names, to be removed in the release after next.
        (
            "replay_failed",
            _deprecated(_async_retry_failed_events, "retry_failed_events"),
            _RETRY,
        ),
        ("replay_events", _deprecated(_async_refire_events, "refire_events"), _REFIRE),
    ):
        async_register_admin_service(
            hass,
            DOMAIN,
            name,
            audited(handler),
            schema,
            supports_response=SupportsResponse.OPTIONAL,
        )


def _deprecated(handler: Handler, name: str) -> Handler:
    """Return a handler that also logs, once, that the action is now called `name`."""

    @cache
    def warn(old_name: str) -> None:
        _LOGGER.warning(
            "The action %s.%s is deprecated and will be removed; use %s.%s instead",
            DOMAIN,
            old_name,
            DOMAIN,
            name,
        )

    @wraps(handler)
    async def run(call: ServiceCall) -> Mapping[str, object]:
        warn(call.service)
        return await handler(call)

    return run


def plain(handler: Handler) -> PlainHandler:
    """Return what Home Assistant registers: its answer is a plain dictionary."""

    @wraps(handler)
    async def run(call: ServiceCall) -> dict[str, Any]:
        return dict(await handler(call))

    return run


def audited(handler: Handler) -> PlainHandler:
    """Store in the audit who called the action, when, and with what result."""

    @wraps(handler)
    async def run(call: ServiceCall) -> dict[str, Any]:
        result: object = None
        try:
            result = answer = dict(await handler(call))
        except Exception as err:
            result = {"error": getattr(err, "translation_key", None) or str(err)}
            raise
        else:
            return answer
        finally:
            await async_shared_core(call.hass).async_audit(
                call.context.user_id, call.service, _plain(call.data), _plain(result)
            )

    return run


async def _async_purge(call: ServiceCall) -> PurgeAnswer:
    """Delete old history."""
    entry = _entry(call)
    try:
        purged = await require_store(call.hass).async_purge(
            entry_id=entry.entry_id if entry else None,
            keep_days=call.data.get("keep_days"),
        )
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    return {"events": purged.events, "database_bytes": purged.database_bytes}


async def _async_delete_printer_history(call: ServiceCall) -> DeleteAnswer:
    """Delete a removed printer with all its history."""
    printer_id = call.data["printer_id"]
    try:
        core = require_store(call.hass)
        deleted = await core.async_delete_printer(printer_id)
        removed = await core.store.read(removed_printers)
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    if deleted is None:
        names = ", ".join(f"{number} ({name})" for number, name in removed.items())
        raise invalid(
            "printer_not_removed", printer_id=str(printer_id), removed=names or "–"
        )
    return {
        "events": deleted.events,
        "spools": deleted.spools,
        "database_bytes": deleted.database_bytes,
    }


async def _async_retry_failed_events(call: ServiceCall) -> RetryAnswer:
    """Store the events that could not be stored."""
    try:
        maintenance = require_store(call.hass).maintenance
        retried = await maintenance.retry_failed(call.data["batch_size"])
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    return {
        "replayed": retried.replayed,
        "failed": retried.failed,
        "remaining": retried.remaining,
    }


async def _async_refire_events(call: ServiceCall) -> RefireAnswer:
    """Fire past events on the bus again; each has `meta.replay`."""
    try:
        maintenance = require_store(call.hass).maintenance
        return {"events": await maintenance.refire(_filter(call))}
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err


async def _async_export(call: ServiceCall) -> ExportAnswer:
    """Write history to a file."""
    hass = call.hass
    path = call.data["path"]
    allowed = await hass.async_add_executor_job(_allowed_path, hass, path)
    if allowed is None:
        raise invalid("path_not_allowed", path=path)
    try:
        events = await export_events(
            require_store(hass).store,
            _filter(call),
            allowed,
            call.data["format"],
            hass.async_add_executor_job,
        )
    except OSError as err:
        raise failure(
            "not_exported", path=path, reason=err.strerror or str(err)
        ) from err
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err
    return {"path": path, "events": events}


def _allowed_path(hass: HomeAssistant, path: str) -> Path | None:
    """Return the path in its real folder; None if nothing may be written there. Blocks.

    What is checked is what is used: a link in the path cannot change in between.
    """
    wanted = Path(path)
    real = wanted.parent.resolve() / wanted.name
    return real if hass.config.is_allowed_path(str(real)) else None


def _filter(call: ServiceCall) -> EventFilter:
    """Return the filter for the events that the call asks for."""
    entry = _entry(call)
    return EventFilter(
        printer_id=entry.runtime_data.printer_id if entry else None,
        since=call.data["start_time"],
        until=call.data.get("end_time"),
    )


def _entry(call: ServiceCall) -> FilamentSlotsConfigEntry | None:
    """Return the given entry, if any; raises ServiceValidationError if not loaded."""
    if (entry_id := call.data.get(_ENTRY)) is None:
        return None
    for entry in loaded_entries(call.hass):
        if entry.entry_id == entry_id:
            return entry
    raise invalid("not_loaded")


def _plain(value: Any) -> Any:
    """Return the value as plain JSON data."""
    match value:
        case datetime():
            return iso_utc(value)
        case str() | int() | float() | None:
            return value
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return str(value)
