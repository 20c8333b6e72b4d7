"""Export of history for other programs: CSV or JSON Lines."""

from collections.abc import Awaitable, Callable, Sequence
import csv
from enum import StrEnum
import io
from pathlib import Path
from typing import Any, Final

from ..engine.store import Store
from .codec import pack_json
from .history import EventFilter, read_events

_PAGE: Final = 500
_COLUMNS: Final = (
    "event_id",
    "event_type",
    "event_at",
    "printer_id",
    "is_ams_slot",
    "ams_unit_no",
    "slot_no",
    "slot_label",
    "rfid_uid",
    "external_id",
    "vendor_tag",
    "material",
    "name",
    "color_hex",
    "vendor",
    "detected_late",
    "event",
)


class Format(StrEnum):
    """The format: one line an event, oldest first."""

    CSV = "csv"
    JSON_LINES = "jsonl"


async def export_events(
    store: Store,
    wanted: EventFilter,
    path: Path,
    form: Format,
    run: Callable[..., Awaitable[Any]],
) -> int:
    """Write the events to a file, in place of one that is there; return how many.

    run: calls a function with its arguments in another thread. Nothing is there before
    all is. Raises StoreError where the history cannot be read,
    OSError where the file cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    written, cursor = 0, None
    try:
        await run(unfinished.write_text, _head(form))
        while True:
            page = await read_events(
                store, wanted, limit=_PAGE, cursor=cursor, newest_first=False
            )
            await run(_append, unfinished, _lines(page.events, form))
            written += len(page.events)
            if (cursor := page.cursor) is None:
                break
        await run(unfinished.replace, path)
    except BaseException:
        await run(unfinished.unlink, True)
        raise
    return written


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def _head(form: Format) -> str:
    return ",".join(_COLUMNS) + "\r\n" if form is Format.CSV else ""


def _lines(events: Sequence[dict[str, Any]], form: Format) -> str:
    if form is Format.JSON_LINES:
        return "".join(f"{pack_json(event)}\n" for event in events)
    text = io.StringIO()
    csv.DictWriter(text, _COLUMNS).writerows(_columns(event) for event in events)
    return text.getvalue()


def _columns(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a row; `event` is all of it, as JSON."""
    filament = event["meta"].get("filament") or {}
    known = {**event, **event.get("slot", {}), **event.get("identifiers", {})}
    known |= {name: event["meta"].get(name) for name in ("slot_label", "detected_late")}
    known |= {
        name: filament.get(name) for name in ("material", "name", "color_hex", "vendor")
    }
    return {name: known.get(name) for name in _COLUMNS} | {"event": pack_json(event)}
