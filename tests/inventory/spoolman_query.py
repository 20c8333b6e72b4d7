"""The filters, the order and the pages of the virtual Spoolman's lists."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cmp_to_key
import json
from typing import Annotated, Any

from pydantic import StringConstraints

from .spoolman_bodies import ListQuery, message, read_parameter
from .spoolman_database import Row, clean_uid

type Ids = Annotated[str, StringConstraints(pattern=r"^-?\d+(,-?\d+)*$")]

# Parameters, and the values in an object as it is shown that they are about.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "spool": (
        "location",
        "lot_nr",
        "filament.name",
        "filament.material",
        "filament.vendor.name",
        "filament.multi_color_direction",
    ),
    "filament": ("name", "material", "vendor.name", "article_number", "external_id"),
    "vendor": ("name", "external_id"),
}
IDS: Mapping[str, Mapping[str, str]] = {
    "spool": {
        "filament.id": "filament.id",
        "filament_id": "filament.id",
        "filament.vendor.id": "filament.vendor.id",
        "vendor_id": "filament.vendor.id",
    },
    "filament": {"vendor.id": "vendor.id"},
    "vendor": {},
}
_TIMES = ("first_used", "last_used", "registered")
_SORTED = {
    "spool": (
        *("id", "registered", "first_used", "last_used", "location", "lot_nr", "price"),
        *("remaining_weight", "used_weight", "archived", "comment"),
        *("filament.name", "filament.material", "filament.vendor.name"),
        "filament.combined_name",
    ),
    "filament": ("id", "name", "material", "vendor.name"),
    "vendor": ("id", "name"),
}


def page(
    kind: str,
    rows: Iterable[Row],
    query: Mapping[str, str],
    fields: Mapping[str, Row],
    *,
    has_tags: bool,
) -> tuple[list[Row], int]:
    """Return the rows of a page, and how many rows there are on all.

    rows: with their values by path, as `flat` returns them. An unknown parameter is no
    error: it is ignored. Raises Refused.
    """
    known = ListQuery(
        allow_archived=_parameter(bool, query, "allow_archived", False),
        limit=_parameter(int, query, "limit", None),
        offset=_parameter(int, query, "offset", 0),
    )
    keep: list[Callable[[Row], bool]] = []
    if kind == "spool" and not known.allow_archived:
        keep.append(lambda row: not row["archived"])
    keep += [_text_filter(name, query[name]) for name in TEXTS[kind] if name in query]
    keep += [
        _id_filter(name, path, query[name])
        for name, path in IDS[kind].items()
        if name in query
    ]
    if kind == "spool":
        keep += [_time_filter(name, query[name]) for name in _TIMES if name in query]
        keep += [
            _extra_filter(name, field, query[name])
            for name, field in fields.items()
            if name in query
        ]
        if has_tags and "tag" in query:
            uid = clean_uid(query["tag"])
            keep.append(lambda row: uid in {tag["uid"] for tag in row["tags"]})
    if kind == "filament" and "color_hex" in query:
        keep.append(lambda row: row["color_hex"] == query["color_hex"])
    found = [row for row in rows if all(fits(row) for fits in keep)]
    for name, descending in _order(kind, query.get("sort", "")):
        if name in fields:
            found.sort(key=_number_key(name), reverse=descending)
        elif not name.startswith("extra."):
            found.sort(key=_sort_key(name, descending))
    total = len(found)
    if known.limit is not None and known.limit >= 0:
        found = found[known.offset : known.offset + known.limit]
    return found, total


def flat(row: Row, prefix: str = "") -> Row:
    """Return a shown object with the values of its parts by their paths."""
    values: Row = {}
    for key, value in row.items():
        values[prefix + key] = value
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{key}.")
    if "filament.id" in values:
        names = (values.get("filament.vendor.name"), values.get("filament.name"))
        values["filament.combined_name"] = " ".join(filter(None, names)) or None
    return _Missing(values)


class _Missing(dict[str, Any]):
    """Values by their paths, None for what is not there."""

    def __missing__(self, key: str) -> None:
        return None


def _parameter(kind: Any, query: Mapping[str, str], name: str, default: Any) -> Any:
    if name not in query:
        return default
    return read_parameter(kind, ("query", name), query[name])


def _terms(text: str) -> list[str]:
    """Split at commas that are not within quotes."""
    terms, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            terms.append("")
        else:
            terms[-1] += letter
    return terms


def _fits(value: object, term: str) -> bool:
    if not term:
        return value in (None, "")
    if len(term) > 1 and term.startswith('"') and term.endswith('"'):
        return value == term[1:-1]
    return isinstance(value, str) and term.lower() in value.lower()


def _text_filter(name: str, text: str) -> Callable[[Row], bool]:
    terms = _terms(text)
    return lambda row: any(_fits(row[name], term) for term in terms)


def _id_filter(name: str, path: str, text: str) -> Callable[[Row], bool]:
    ids = read_parameter(Ids, ("query", name), text)
    wanted = {None if part == "-1" else int(part) for part in ids.split(",")}
    return lambda row: row[path] in wanted


def _time_filter(name: str, text: str) -> Callable[[Row], bool]:
    if not text:
        return lambda row: row[name] is None
    first, _, last = text.partition("|")
    try:
        bounds = [
            datetime.fromisoformat(part) if part else None for part in (first, last)
        ]
    except ValueError:
        raise message(
            400,
            f"Invalid datetime '{text}' for '{name}'."
            " Expected an ISO 8601 datetime, e.g. 2024-05-01T00:00:00Z.",
        ) from None

    def fits(row: Row) -> bool:
        if row[name] is None:
            return False
        at = datetime.fromisoformat(row[name])
        after, before = bounds
        return (after is None or at >= after) and (before is None or at <= before)

    return fits


def _extra_filter(name: str, field: Row, text: str) -> Callable[[Row], bool]:
    terms = _terms(text)

    def fits(row: Row) -> bool:
        stored = row[name]
        if field["field_type"] in ("text", "choice", "datetime"):
            value = None if stored is None else json.loads(stored)
            return any(_fits(value, term) for term in terms)
        return stored in terms if text else stored is None

    return fits


def _order(kind: str, sort: str) -> list[tuple[str, bool]]:
    """Return the fields to sort by, the last one first."""
    order = []
    for part in filter(None, sort.split(",")):
        name, separator, direction = part.partition(":")
        if not separator:
            raise message(
                400,
                f"Invalid sort '{part}', expected the form 'field:asc' or 'field:desc'.",
            )
        if direction not in ("asc", "desc"):
            raise message(
                400,
                f"Invalid sort direction '{direction}' for field '{name}',"
                " expected 'asc' or 'desc'.",
            )
        if not name.startswith("extra.") and name not in _SORTED[kind]:
            raise message(
                400,
                f"Invalid field name '{name}', '{name}' is not a valid field on"
                f" '{kind.title()}'.",
            )
        order.append((name, direction == "desc"))
    return order[::-1]


def _number_key(name: str) -> Callable[[Row], tuple[bool, int]]:
    """Return the key of a sort by the number in an extra field; no number is 0."""

    def key(row: Row) -> tuple[bool, int]:
        stored = row[name]
        return stored is not None, int(stored) if str(stored).isdigit() else 0

    return key


def _sort_key(name: str, descending: bool) -> Any:
    """Return the key of a sort with nulls last, whatever the direction."""

    def compare(one: Row, other: Row) -> int:
        first, second = one[name], other[name]
        if first is None or second is None:
            return (first is None) - (second is None)
        order = (first > second) - (first < second)
        return int(-order if descending else order)

    return cmp_to_key(compare)
