"""The rows of the virtual Spoolman, and the rules by which they change."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
import json
import math
import re
from typing import Any

from .spoolman_bodies import Entity, FieldBody, FieldType, TagBody, message

type Row = dict[str, Any]

_SETTINGS: Mapping[str, tuple[str, str]] = {
    "currency": ('"EUR"', "string"),
    "round_prices": ("false", "boolean"),
    "print_presets": ("[]", "array"),
    "label_designs": ("[]", "array"),
    "extra_fields_vendor": ("[]", "array"),
    "extra_fields_filament": ("[]", "array"),
    "extra_fields_spool": ("[]", "array"),
    "base_url": ('""', "string"),
    "locations": ("[]", "array"),
    "locations_spoolorders": ("{}", "object"),
    "dashboard_groups": ("{}", "object"),
    "dashboard_spoolorders": ("{}", "object"),
}
_TYPES: Mapping[str, type] = {
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
}
_ARTICLES = {"array": "an array", "object": "an object"}
_EXTRA_MAX = 65_535
_LOCATION_MAX = 64


class BadRowError(Exception):
    """A value that the server has stored and cannot show."""


class Database:
    """Vendors, filaments, spools, settings and definitions of fields.

    has_tags: whether it is of a version that stores tags.
    now: the time of day.
    """

    def __init__(self, now: Callable[[], datetime], *, has_tags: bool = False) -> None:
        """Create it empty."""
        self.has_tags = has_tags
        self._now = now
        self._rows: dict[Entity, dict[int, Row]] = {kind: {} for kind in Entity}
        self._fields: dict[Entity, dict[str, Row]] = {kind: {} for kind in Entity}
        self._settings: dict[str, str] = {}

    def rows(self, kind: Entity) -> Iterable[Row]:
        """Return the rows of a kind by their ids."""
        return [row for _, row in sorted(self._rows[kind].items())]

    def row(self, kind: Entity, row_id: int) -> Row:
        """Return a row; raises Refused if there is none."""
        if abs(row_id) >= 2**63:
            raise BadRowError
        if row_id not in self._rows[kind]:
            raise message(404, f"No {kind} with ID {row_id} found.")
        return self._rows[kind][row_id]

    def add(self, kind: Entity, values: Mapping[str, Any]) -> Row:
        """Add a row. SQLite hands out the id of a deleted newest row again."""
        row = {
            "id": max(self._rows[kind], default=0) + 1,
            "registered": self._now().replace(microsecond=0),
            **values,
            "extra": self._extra(kind, {}, values.get("extra") or {}),
        }
        self._rows[kind][row["id"]] = row
        return row

    def add_spool(self, values: Row) -> Row:
        """Add a spool; weights that are not given are those of its filament."""
        remaining, used = values.pop("remaining_weight"), values["used_weight"]
        if remaining is not None and used is not None:
            raise message(400, "Only specify either remaining_weight or used_weight.")
        self._check_extra(Entity.SPOOL, values["extra"] or {})
        filament = self.row(Entity.FILAMENT, values["filament_id"])
        for own, its in (
            ("initial_weight", "weight"),
            ("spool_weight", "spool_weight"),
        ):
            if values[own] is None:
                values[own] = filament[its]
        if remaining is not None:
            if values["initial_weight"] is None:
                raise message(
                    400, "Failed to create spool, see server logs for more information."
                )
            used = max(values["initial_weight"] - remaining, 0.0)
        return self.add(
            Entity.SPOOL, {**values, "used_weight": used or 0.0, "tags": []}
        )

    def add_filament(self, values: Row) -> Row:
        """Add a filament; the weight of an empty spool is that of its vendor."""
        if values["vendor_id"] is not None:
            vendor = self.row(Entity.VENDOR, values["vendor_id"])
            if values["spool_weight"] is None:
                values["spool_weight"] = vendor["empty_spool_weight"]
        return self.add(Entity.FILAMENT, values)

    def change(self, kind: Entity, row: Row, changes: Row) -> None:
        """Change a row, with an extra field at a time."""
        if "extra" in changes:
            if changes["extra"] is None:
                raise BadRowError
            changes["extra"] = self._extra(kind, row["extra"], changes["extra"])
        row.update(changes)

    def change_spool(self, row: Row, changes: Row) -> None:
        """Change a spool; a null in the wrong place is an error of the server."""
        if "remaining_weight" in changes and "used_weight" in changes:
            raise message(400, "Only specify either remaining_weight or used_weight.")
        if "filament_id" in changes:
            self.row(Entity.FILAMENT, changes["filament_id"])
        self._check_extra(Entity.SPOOL, changes.get("extra") or {})
        for weight in ("remaining_weight", "used_weight"):
            if weight in changes and changes[weight] is None:
                raise BadRowError
        if "remaining_weight" in changes:
            initial = changes.get("initial_weight", row["initial_weight"])
            if initial is None:
                raise message(
                    400, "Failed to update spool, see server logs for more information."
                )
            remaining = changes.pop("remaining_weight")
            changes["used_weight"] = max(initial - remaining, 0.0)
        self.change(Entity.SPOOL, row, changes)

    def use(self, row: Row, grams: float) -> None:
        """Book filament that was used; not a number counts as all of it given back."""
        used = row["used_weight"] + grams
        row["used_weight"] = used if used > 0 else 0.0
        now = self._now().replace(microsecond=0)
        row["first_used"] = row["first_used"] or now
        row["last_used"] = now

    def measure(self, row: Row, gross: float) -> None:
        """Book what a spool weighs now, with its reel."""
        filament = self.row(Entity.FILAMENT, row["filament_id"])
        initial = _first(row["initial_weight"], filament["weight"])
        if initial is None:
            raise message(400, "Initial weight is not set.")
        reel = _first(row["spool_weight"], filament["spool_weight"], 0.0)
        net = gross - reel
        if net > initial:
            row["initial_weight"] = net
            row["used_weight"] = 0.0
            self.use(row, 0.0)
        else:
            row["initial_weight"] = initial
            self.use(row, initial - row["used_weight"] - net)

    def delete(self, kind: Entity, row: Row) -> None:
        """Delete a row; a vendor also where it is in use."""
        if kind is Entity.FILAMENT and any(
            spool["filament_id"] == row["id"] for spool in self.rows(Entity.SPOOL)
        ):
            raise message(
                403, "Failed to delete filament, see server logs for more information."
            )
        del self._rows[kind][row["id"]]
        if kind is Entity.VENDOR:
            for filament in self.rows(Entity.FILAMENT):
                if filament["vendor_id"] == row["id"]:
                    filament["vendor_id"] = None

    def add_tag(self, row: Row, tag: TagBody) -> tuple[Row, bool]:
        """Link a tag to a spool; return it, and whether anything changed."""
        uid = clean_uid(tag.uid)
        for spool in self.rows(Entity.SPOOL):
            for known in spool["tags"]:
                if known["uid"] != uid:
                    continue
                if spool is not row:
                    raise message(
                        409,
                        f"Tag {uid} is already linked to spool {spool['id']}.",
                        spool_id=spool["id"],
                    )
                changed = tag.format is not None and tag.format != known["format"]
                if changed:
                    known["format"] = tag.format
                return known, changed
        added = self._now().replace(microsecond=0)
        row["tags"].append({"uid": uid, "format": tag.format, "added": added})
        return row["tags"][-1], True

    def remove_tag(self, row: Row, text: str) -> None:
        """Unlink a tag from a spool."""
        uid = clean_uid(text)
        left = [tag for tag in row["tags"] if tag["uid"] != uid]
        if len(left) == len(row["tags"]):
            raise message(404, f"Spool {row['id']} has no tag with UID {uid}.")
        row["tags"] = left

    def define(self, kind: Entity, key: str, body: FieldBody) -> None:
        """Define an extra field, or change its definition."""
        before = self._fields[kind].get(key)
        is_choice = body.field_type is FieldType.CHOICE
        if is_choice and not body.choices:
            raise message(400, "Choices must be set for field type choice.")
        if is_choice and body.multi_choice is None:
            raise message(400, "Multi choice must be set for field type choice.")
        if not is_choice and body.choices is not None:
            raise message(
                400, "Choices must not be set for field type other than choice."
            )
        field = {**body.model_dump(mode="json"), "key": key, "entity_type": kind.value}
        if body.default_value is not None:
            try:
                _check_value(field, body.default_value)
            except ValueError as err:
                raise message(400, f"Default value is not valid: {err}") from err
        if before is not None:
            if before["field_type"] != body.field_type:
                raise message(400, "Field type cannot be changed.")
            if not set(before["choices"] or []) <= set(body.choices or []):
                raise message(400, "Cannot remove existing choices.")
        self._fields[kind][key] = field
        self._store_fields(kind)

    def undefine(self, kind: Entity, key: str) -> None:
        """Delete the definition of an extra field, and every value of it."""
        if key not in self._fields[kind]:
            raise message(
                404,
                f"Extra field with key {key} does not exist for entity type {kind}",
            )
        del self._fields[kind][key]
        for row in self.rows(kind):
            row["extra"].pop(key, None)
        self._store_fields(kind)

    def fields(self, kind: Entity) -> list[Row]:
        """Return the definitions of the extra fields."""
        return list(self._fields[kind].values())

    def field_values(self, kind: Entity, key: str) -> list[Any]:
        """Return the values of an extra field that are in use."""
        if key not in self._fields[kind]:
            raise message(404, f"No extra field with key '{key}'.")
        values = [
            json.loads(r["extra"][key]) for r in self.rows(kind) if key in r["extra"]
        ]
        return list(dict.fromkeys(values))

    def rename_value(self, field: str, before: str, after: str) -> int:
        """Replace a value on all spools; return on how many."""
        key = field.removeprefix("extra.")
        if field != key:
            kind = self._fields[Entity.SPOOL][key]["field_type"]
            if kind not in (FieldType.TEXT, FieldType.CHOICE):
                raise message(
                    400,
                    f"Spool extra field '{key}' does not hold a single plain value."
                    " Only text and single-choice fields do.",
                )
        count = 0
        for row in self.rows(Entity.SPOOL):
            if field == "location" and row["location"] == before:
                row["location"] = after
                count += 1
            elif field != key and row["extra"].get(key) == json.dumps(before):
                row["extra"][key] = json.dumps(after)
                count += 1
        return count

    def rename_location(self, before: str, after: str) -> None:
        """Rename a location; the length of its new name is not checked."""
        for row in self.rows(Entity.SPOOL):
            if row["location"] == before:
                row["location"] = after

    def setting(self, key: str) -> Row:
        """Return a setting."""
        if key not in _SETTINGS:
            raise message(404, f"Setting {key} does not exist.")
        default, kind = _SETTINGS[key]
        value = self._settings.get(key)
        return {
            "value": _first(value, default),
            "is_set": value is not None,
            "type": kind,
        }

    def settings(self) -> dict[str, Row]:
        """Return all settings."""
        return {key: self.setting(key) for key in _SETTINGS}

    def set_setting(self, key: str, text: str) -> None:
        """Set a setting; null resets it."""
        kind = self.setting(key)["type"]
        try:
            value = json.loads(text)
        except json.JSONDecodeError as err:
            raise message(400, str(err)) from err
        if value is None:
            if key not in self._settings:
                raise message(404, f"Setting with key {key} has not been set.")
            del self._settings[key]
        elif not isinstance(value, _TYPES[kind]):
            article = _ARTICLES.get(kind, f"a {kind}")
            raise message(400, f"Setting {key} must be {article}.")
        else:
            self._settings[key] = text

    def show(self, kind: Entity, row: Row) -> Row:
        """Return a row as answers and frames have it: without what is not set."""
        match kind:
            case Entity.SPOOL:
                shown = self._show_spool(row)
            case Entity.FILAMENT:
                shown = self._show_filament(row)
            case Entity.VENDOR:
                shown = dict(row)
        return {key: value for key, value in shown.items() if value is not None}

    def _show_filament(self, row: Row) -> Row:
        shown = dict(row)
        vendor_id = shown.pop("vendor_id")
        if vendor_id is not None:
            vendor = self.row(Entity.VENDOR, vendor_id)
            shown["vendor"] = self.show(Entity.VENDOR, vendor)
        return shown

    def _show_spool(self, row: Row) -> Row:
        if row["location"] is not None and len(row["location"]) > _LOCATION_MAX:
            raise BadRowError
        shown = dict(row)
        filament = self.row(Entity.FILAMENT, shown.pop("filament_id"))
        shown["filament"] = self.show(Entity.FILAMENT, filament)
        used = row["used_weight"]
        shown["used_length"] = length_mm(filament, used)
        full = _first(row["initial_weight"], filament["weight"])
        if full is not None:
            shown["remaining_weight"] = max(full - used, 0.0)
            shown["remaining_length"] = length_mm(filament, shown["remaining_weight"])
        tags = shown.pop("tags")
        if self.has_tags:
            shown["tags"] = [show_tag(tag) for tag in tags]
        return shown

    def _check_extra(self, kind: Entity, values: Mapping[str, str | None]) -> None:
        for key, value in values.items():
            field = self._fields[kind].get(key)
            if field is None:
                raise message(400, f"Unknown extra field {key}.")
            if value is None:
                continue
            try:
                _check_value(field, value)
            except ValueError as err:
                raise message(400, f"Invalid extra field for key {key}: {err}") from err

    def _extra(
        self, kind: Entity, before: Mapping[str, str], values: Mapping[str, str | None]
    ) -> dict[str, str]:
        self._check_extra(kind, values)
        kept = {key: value for key, value in before.items() if key not in values}
        return kept | {key: text for key, text in values.items() if text is not None}

    def _store_fields(self, kind: Entity) -> None:
        self._settings[f"extra_fields_{kind}"] = json.dumps(self.fields(kind))


def show_tag(tag: Row) -> Row:
    """Return a tag as answers have it."""
    return {key: value for key, value in tag.items() if value is not None}


def clean_uid(text: str) -> str:
    """Return the id of a tag in the server's own spelling; raises Refused."""
    uid = re.sub(r"[\s:.-]", "", text).upper().removeprefix("0X")
    if not uid:
        raise message(400, "A tag UID must not be empty.")
    if not re.fullmatch("[0-9A-F]+", uid):
        raise message(
            400, f'"{text}" is not a valid tag UID. A UID must be hexadecimal.'
        )
    if len(uid) > 64:
        raise message(400, "A tag UID can be at most 64 hex characters.")
    return uid


def length_mm(filament: Row, grams: float) -> float:
    """Return the length of filament of a weight."""
    area = math.pi * (filament["diameter"] / 2) ** 2
    return float(grams / (filament["density"] / 1000) / area)


def weight_g(filament: Row, mm: float) -> float:
    """Return the weight of filament of a length."""
    area = math.pi * (filament["diameter"] / 2) ** 2
    return float(mm * area * filament["density"] / 1000)


def time_text(at: datetime) -> str:
    """Return a time as answers have it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _first[T](*values: T | None) -> Any:
    return next((value for value in values if value is not None), None)


def _check_value(field: Row, text: str) -> None:
    """Raise ValueError for a value that the field cannot have."""
    if len(text) > _EXTRA_MAX:
        raise ValueError(f"Value is too big, max size is {_EXTRA_MAX} characters.")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as err:
        raise ValueError("Value is not valid JSON.") from err
    match FieldType(field["field_type"]):
        case FieldType.TEXT | FieldType.DATETIME:
            _require(isinstance(value, str), "Value is not a string.")
        case FieldType.INTEGER:
            _require(isinstance(value, int), "Value is not an integer.")
        case FieldType.FLOAT:
            _require(_is_float(value), "Value is not a float.")
        case FieldType.BOOLEAN:
            _require(isinstance(value, bool), "Value is not a boolean.")
        case FieldType.INTEGER_RANGE:
            _check_range(value, lambda part: isinstance(part, int), "integers")
        case FieldType.FLOAT_RANGE:
            _check_range(value, _is_float, "floats")
        case FieldType.CHOICE if field["multi_choice"]:
            _require(isinstance(value, list), "Value is not a list.")
            _require(
                set(value) <= set(field["choices"]),
                "Value list contains invalid choices.",
            )
        case FieldType.CHOICE:
            _require(isinstance(value, str), "Value is not a string.")
            _require(value in field["choices"], "Value is not a valid choice.")


def _check_range(value: Any, fits: Callable[[Any], bool], kind: str) -> None:
    _require(isinstance(value, list), "Value is not a list.")
    _require(len(value) == 2, "Value list must have exactly two values.")
    _require(
        all(part is None or fits(part) for part in value),
        f"Value list must contain only {kind} or null.",
    )


def _is_float(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise ValueError(text)
