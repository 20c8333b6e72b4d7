"""Reads Spoolman's objects: pure, and never raises (docs/protocols/spoolman.md 3)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
import re
from typing import Any, Final

import orjson

from ...model import clean_tag
from ..base import Scan, Spool

type Refuse = Callable[[str], None]

_ID_MAX: Final = 2**63
_TEXT_MAX: Final = 4096
_GRAMS_MAX: Final = 100_000
_COLOR: Final = re.compile(r"#?([0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?)")
_TAG: Final = re.compile(r"[0-9A-F]{1,64}")
# Spoolman stores them; a name with one in it is none of a state or of a line of a log.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def decode_spool(value: object, refuse: Refuse) -> Spool | None:
    """Return a spool; None if it cannot be identified.

    refuse: called with the reason for each value that is not used.
    """
    fields = _object(value)
    spool_id = decode_id(fields.get("id"))
    registered = _time(fields.get("registered"))
    if spool_id is None or registered is None:
        refuse("a spool without an id or a time of registration")
        return None
    filament = _part(fields, "filament", refuse)
    return Spool(
        id=spool_id,
        registered=registered,
        name=_text(filament, "name", refuse),
        vendor=_text(_part(filament, "vendor", refuse), "name", refuse),
        material=_text(filament, "material", refuse),
        colors=_colors(filament, refuse),
        remaining_g=_grams(fields, "remaining_weight", refuse),
        weight_g=_weight(fields, filament, refuse),
        # As it is: blanks are a part of it.
        location=_string(fields, "location", refuse),
        archived=_archived(fields, refuse),
        tags=_tags(fields, refuse),
        extra=_texts(fields, refuse),
        filament_numbers=_numbers(filament, refuse),
    )


def decode_id(value: object) -> int | None:
    """Return the id of a spool, None for what is none."""
    if type(value) is int and 0 <= value < _ID_MAX:
        return value
    return None


def decode_scan(value: object, refuse: Refuse) -> Scan | None:
    """Return a scan of a tag; None if it names no tag."""
    fields = _object(value)
    tag = _tag(fields)
    if tag is None:
        refuse("a scan of a tag that is none")
        return None
    return Scan(tag=tag, spool_id=decode_id(fields.get("matched_spool_id")))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _part(fields: Mapping[str, Any], key: str, refuse: Refuse) -> Mapping[str, Any]:
    """Return the object in a field, an empty one if there is none."""
    value = fields.get(key)
    if value is not None and not isinstance(value, dict):
        refuse(f"a value for {key} that is no object")
    return _object(value)


def _time(value: object) -> datetime | None:
    """Return a time in UTC, which one without an offset is in."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except ValueError, OverflowError:
        return None


def _string(fields: Mapping[str, Any], key: str, refuse: Refuse) -> str | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        refuse(f"a value for {key} that is no text, or too long")
        return None
    return value


def _text(fields: Mapping[str, Any], key: str, refuse: Refuse) -> str | None:
    """Return a text to show, None if it is blank."""
    value = _string(fields, key, refuse)
    return None if value is None else _CONTROL.sub(" ", value).strip() or None


def _grams(fields: Mapping[str, Any], key: str, refuse: Refuse) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value <= _GRAMS_MAX:
        return float(value)
    refuse(f"a value for {key} that is no weight")
    return None


def _weight(
    fields: Mapping[str, Any], filament: Mapping[str, Any], refuse: Refuse
) -> float | None:
    """Return the weight of a full spool: its own, or that of its filament."""
    own = _grams(fields, "initial_weight", refuse)
    return own if own is not None else _grams(filament, "weight", refuse)


def _colors(filament: Mapping[str, Any], refuse: Refuse) -> tuple[str, ...]:
    """Return the colours: several where there are, as the one is none of them then."""
    several = _string(filament, "multi_color_hexes", refuse)
    one = _string(filament, "color_hex", refuse)
    colors = []
    for text in (several or one or "").split(","):
        if match := _COLOR.fullmatch(text.strip()):
            colors.append(f"#{match[1].upper()}")
        elif text.strip():
            refuse("a colour that is none")
    return tuple(colors)


def _archived(fields: Mapping[str, Any], refuse: Refuse) -> bool:
    value = fields.get("archived")
    if value is not None and not isinstance(value, bool):
        refuse("a value for archived that is neither true nor false")
    return value is True


def _tags(fields: Mapping[str, Any], refuse: Refuse) -> tuple[str, ...] | None:
    """Return the tags, None for a server that stores none."""
    value = fields.get("tags")
    if value is None:
        return None
    tags = []
    for tag in value if isinstance(value, list) else [value]:
        uid = _tag(_object(tag))
        if uid is not None:
            tags.append(uid)
        else:
            refuse("a tag that is none")
    return tuple(tags)


def _tag(fields: Mapping[str, Any]) -> str | None:
    uid = clean_tag(fields.get("uid"))
    return uid if uid is not None and _TAG.fullmatch(uid) else None


def _texts(fields: Mapping[str, Any], refuse: Refuse) -> dict[str, str]:
    """Return the extra fields that are texts."""
    extra = _extra(fields, refuse)
    return {key: value for key, value in extra if isinstance(value, str)}


def _numbers(fields: Mapping[str, Any], refuse: Refuse) -> dict[str, float]:
    """Return the extra fields that are numbers from 0 on."""
    return {
        key: float(value)
        for key, value in _extra(fields, refuse)
        if type(value) in (int, float) and value >= 0
    }


def _extra(fields: Mapping[str, Any], refuse: Refuse) -> Iterator[tuple[str, Any]]:
    """Yield the extra fields; each value is JSON within a string.

    Other programs have stored values that are no JSON: those are texts as they are.
    """
    for key, value in _part(fields, "extra", refuse).items():
        if not isinstance(value, str) or len(value) > _TEXT_MAX:
            refuse("an extra field that is no text, or too long")
            continue
        try:
            yield key, orjson.loads(value)
        except orjson.JSONDecodeError:
            yield key, value
