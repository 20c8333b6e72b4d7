"""Export of history for other programs: CSV or JSON Lines."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
import csv
from enum import StrEnum
import io
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, TextIO

from ..engine.store import Store
from .codec import pack_json
from .history import EventFilter, read_events

_PAGE: Final = 500
# Text that begins like this is a formula for a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
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

    path: in a folder that is no link. Other programs may write there, too: until it is
    complete, the file has a name that cannot be predicted, and it is created by this call.
    run: calls a function with its arguments in another thread. Nothing is there before
    all is. Raises StoreError where the history cannot be read,
    OSError where the file cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.{token_hex(8)}.unfinished")
    written, cursor = 0, None
    file: TextIO = await run(_create, unfinished)
    try:
        try:
            await run(file.write, _head(form))
            while True:
                page = await read_events(
                    store, wanted, limit=_PAGE, cursor=cursor, newest_first=False
                )
                await run(file.write, _lines(page.events, form))
                written += len(page.events)
                if (cursor := page.cursor) is None:
                    break
        finally:
            await run(file.close)
        await run(unfinished.replace, path)
    except BaseException:
        await run(unfinished.unlink, True)
        raise
    return written


def _create(path: Path) -> TextIO:
    """Open a new file; raises FileExistsError where anything is, be it a dangling link."""
    return path.open("x", encoding="utf-8", newline="")


def _head(form: Format) -> str:
    return (
        _rows([dict(zip(_COLUMNS, _COLUMNS, strict=True))])
        if form is Format.CSV
        else ""
    )


def _lines(events: Sequence[dict[str, Any]], form: Format) -> str:
    if form is Format.JSON_LINES:
        return "".join(f"{pack_json(event)}\n" for event in events)
    return _rows(_columns(event) for event in events)


def _rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as CSV, safe to open as a spreadsheet.

    As OWASP recommends against CSV injection: each cell is quoted, and text that would
    be read as a formula begins with an apostrophe.
    """
    text = io.StringIO()
    csv.DictWriter(text, _COLUMNS, quoting=csv.QUOTE_ALL).writerows(
        {name: _cell(value) for name, value in row.items()} for row in rows
    )
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _columns(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a row; `event` is all of it, as JSON."""
    filament = event["meta"].get("filament") or {}
    known = {**event, **event.get("slot", {}), **event.get("identifiers", {})}
    known |= {name: event["meta"].get(name) for name in ("slot_label", "detected_late")}
    known |= {
        name: filament.get(name) for name in ("material", "name", "color_hex", "vendor")
    }
    return {name: known.get(name) for name in _COLUMNS} | {"event": pack_json(event)}
