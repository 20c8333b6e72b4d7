"""Data model: the standard event (version 1), spool identity and the stored slot.

All layers share these types. The module depends on no protocol, no database and not on
Home Assistant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

# Version of the standard event. Fields may be added; changing or removing one needs a
# new number.
SCHEMA_VERSION = 1

MAX_META_BYTES = 8 * 1024
MAX_SLOTS = 256
MAX_UNITS = 64
MAX_LABEL = 64


class EventType(StrEnum):
    """The type of a standard event."""

    SPOOL_INSERTED = "spool_inserted"
    SPOOL_REMOVED = "spool_removed"
    AMS_STATE = "ams_state"
    UNKNOWN_SPOOL_DETECTED = "unknown_spool_detected"


class SlotStatus(StrEnum):
    """The status of a slot; a slot whose presence is unknown has none."""

    EMPTY = "empty"
    UNIDENTIFIED = "unidentified"
    IDENTIFIED = "identified"


# Changers report "no tag" in many ways: zeros, Fs, an empty string, a placeholder.
_NO_TAG_WORDS = frozenset({"", "N/A", "NA", "NONE", "NULL", "UNKNOWN", "-1"})


def clean_tag(value: object) -> str | None:
    """Return a tag id in upper case, or None for every way to report "no tag"."""
    if not isinstance(value, str):
        return None
    tag = value.strip().upper()
    if tag in _NO_TAG_WORDS or not tag.strip("0") or not tag.strip("F"):
        return None
    return tag


type Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]
type Identifier = Annotated[str, Field(min_length=1, max_length=128)]
type Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$")]
type Bool = Annotated[bool, Field(strict=True)]
type UnitNo = Annotated[int, Field(strict=True, ge=1, le=9999)]
type SlotNo = Annotated[int, Field(strict=True, ge=1, le=9999)]
type SlotsTotal = Annotated[int, Field(strict=True, ge=0, le=9999)]
type Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
type Grams = Annotated[float, Field(strict=True, ge=0, le=100_000)]
type NozzleCelsius = Annotated[float, Field(strict=True, ge=0, le=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Identifiers(_Strict):
    """The identity of a spool; all fields are null if it is not known.

    rfid_uid: the chip's id, upper-case hex with all digits as reported. A spool
    may carry two chips, so this may change while the spool stays the same.
    external_id: the stable identity with its namespace in front, such as
    `spoolman:<spool id>`.
    vendor_tag: the vendor's material code, only if it was read from a tag.
    """

    rfid_uid: Identifier | None = None
    external_id: Identifier | None = None
    vendor_tag: Identifier | None = None

    @property
    def known(self) -> bool:
        """Whether any part of the identity is known."""
        return not (
            self.rfid_uid is None
            and self.external_id is None
            and self.vendor_tag is None
        )

    def same_spool(self, other: Identifiers) -> bool:
        """Return whether both identify one spool; `external_id` outranks the chip."""
        if self.external_id is not None and other.external_id is not None:
            return self.external_id == other.external_id
        if self.rfid_uid is not None and other.rfid_uid is not None:
            return self.rfid_uid == other.rfid_uid
        return self == other


NO_IDENTIFIERS = Identifiers()


class Filament(_Strict):
    """The filament as the printer reports it; absent keys are not known.

    Colours are `#RRGGBB` or `#RRGGBBAA`, temperatures °C, weights g.
    """

    name: Annotated[str, Field(max_length=128)] | None = None
    material: Annotated[str, Field(max_length=64)] | None = None
    color_hex: Colour | None = None
    colors: Annotated[tuple[Colour, ...], Field(max_length=16)] | None = None
    vendor: Annotated[str, Field(max_length=64)] | None = None
    preset: Annotated[str, Field(max_length=64)] | None = None
    remaining_percent: Percent | None = None
    remaining_g: Grams | None = None
    weight_g: Grams | None = None
    nozzle_min_c: NozzleCelsius | None = None
    nozzle_max_c: NozzleCelsius | None = None

    @property
    def all_colours(self) -> tuple[str, ...]:
        """Its colours, one or several; empty if none is known."""
        return self.colors or ((self.color_hex,) if self.color_hex else ())

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data, without the keys that are not known."""
        return self.model_dump(mode="json", exclude_none=True)

    def as_json(self) -> str:
        """Return it as JSON text, without the keys that are not known."""
        return self.model_dump_json(exclude_none=True)


class SlotContext(_Strict):
    """The slot of an event: one of a unit, or a direct slot of the printer."""

    is_ams_slot: Bool
    ams_unit_no: UnitNo | None = None
    slot_no: SlotNo
    slots_total: SlotsTotal | None = None

    @model_validator(mode="after")
    def _unit_goes_with_ams(self) -> Self:
        if self.is_ams_slot != (self.ams_unit_no is not None):
            raise ValueError(
                "ams_unit_no must be null exactly when is_ams_slot is false"
            )
        return self


class SlotState(_Strict):
    """The confirmed state of a slot in an `ams_state`.

    present: null if it is not known.
    identifiers: null if the slot cannot read or be given an identity.
    """

    slot_no: SlotNo
    present: Bool | None = None
    active: Bool | None = None
    label: Label | None = None
    identifiers: Identifiers | None = None
    filament: Filament | None = None


class UnitState(_Strict):
    """The confirmed state of a unit; `slots` holds the reported slots, not always all."""

    ams_unit_no: UnitNo
    slots_total: SlotsTotal
    serial: Label | None = None
    model: Label | None = None
    label: Label | None = None
    online: Bool | None = None
    drying: Bool | None = None
    humidity_percent: Percent | None = None
    humidity_index: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    temperature_c: Annotated[float, Field(strict=True, ge=-50, le=200)] | None = None
    drying_minutes_left: Annotated[int, Field(strict=True, ge=0, le=100_000)] | None = (
        None
    )
    slots: Annotated[tuple[SlotState, ...], Field(max_length=MAX_SLOTS)]


def _bounded_meta(meta: object) -> object:
    """Return meta as plain JSON; if it is too large, only a marker: the event stays."""
    try:
        text = orjson.dumps(meta)
    except TypeError:
        return {"truncated": True}
    return orjson.loads(text) if len(text) <= MAX_META_BYTES else {"truncated": True}


type Meta = Annotated[dict[str, Any], BeforeValidator(_bounded_meta)]


def _not_a_number(at: object) -> object:
    """Refuse plain numbers, which may be seconds or milliseconds."""
    if isinstance(at, datetime) or (isinstance(at, str) and "-" in at[1:]):
        return at
    raise ValueError("must be an ISO-8601 datetime")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None


type UtcDatetime = Annotated[
    AwareDatetime,
    BeforeValidator(_not_a_number),
    AfterValidator(_in_utc),
]


class _Event(_Strict):
    event_at: UtcDatetime
    printer_id: Annotated[int, Field(strict=True, ge=1, le=2**53)]
    event_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    meta: Meta | None = None


class SpoolEvent(_Event):
    """A spool was inserted or removed, or an inserted one could not be identified."""

    event_type: Literal[
        EventType.SPOOL_INSERTED,
        EventType.SPOOL_REMOVED,
        EventType.UNKNOWN_SPOOL_DETECTED,
    ]
    slot: SlotContext
    identifiers: Identifiers | None = None


class AmsStateEvent(_Event):
    """The confirmed state of all units and slots."""

    event_type: Literal[EventType.AMS_STATE]
    ams_units: Annotated[tuple[UnitState, ...], Field(max_length=MAX_UNITS)] = ()
    direct_slots: Annotated[tuple[SlotState, ...], Field(max_length=MAX_SLOTS)] = ()


type StandardEvent = SpoolEvent | AmsStateEvent

_ADAPTER: TypeAdapter[StandardEvent] = TypeAdapter(
    Annotated[SpoolEvent | AmsStateEvent, Field(discriminator="event_type")]
)


def iso_utc(at: datetime) -> str:
    """Return a time as ISO-8601 in UTC, ending in Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


_MAX_ERRORS = 8

# Replaces texts of pydantic that repeat the input or name its internals.
_MESSAGES = {
    "union_tag_invalid": f"event_type must be one of {', '.join(EventType)}",
    "union_tag_not_found": "event_type is missing",
    "model_attributes_type": "must be an object",
}


class InvalidEventError(ValueError):
    """An invalid event; the text names each invalid field and the reason."""


def parse_event(event: Mapping[str, Any]) -> StandardEvent:
    """Validate a standard event.

    Raises InvalidEventError, whose text never repeats a value: values may be tag
    ids, the text goes into the log.
    """
    try:
        return _ADAPTER.validate_python(event)
    except ValidationError as err:
        raise InvalidEventError(_error_text(err)) from None


def _error_text(err: ValidationError) -> str:
    """Return the first few invalid fields; one event may hold thousands."""
    errors = err.errors(include_url=False, include_input=False)
    texts = [
        f"{'.'.join(str(part)[:32] for part in error['loc'][1:]) or 'event'}: "
        f"{_MESSAGES.get(error['type'], error['msg'])}"
        for error in errors[:_MAX_ERRORS]
    ]
    if len(errors) > _MAX_ERRORS:
        texts.append(f"and {len(errors) - _MAX_ERRORS} more")
    return "; ".join(texts)


def event_schema() -> dict[str, Any]:
    """Return the JSON schema of the standard event."""
    return {
        "title": f"Filament Slots standard event, version {SCHEMA_VERSION}"
    } | _ADAPTER.json_schema()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUnit:
    """The last known state of a unit.

    key: its serial, or `u<number>` if it has never reported one; assigned once, so that
    moving a unit to another port changes its number only.
    online: None until the printer has reported it.
    """

    key: str
    ams_unit_no: int
    slots_total: int
    serial: str | None = None
    model: str | None = None
    label: str | None = None
    online: bool | None = None
    drying: bool | None = None
    humidity_percent: float | None = None
    humidity_index: int | None = None
    temperature_c: float | None = None
    drying_minutes_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSlot:
    """The last known state of a slot; entities show it and trackers start from it.

    unit: the unit it belongs to, None for a direct slot.
    present: None until the printer has reported it.
    identifiers: as the printer reported them; never an assigned identity.
    assigned_external_id, assigned_label: the identity that a user assigned, shown if
    the printer reports none.
    inserted_at: when the spool was inserted; None if the slot was occupied when it was
    first reported.
    unknown_reported: whether `unknown_spool_detected` was sent for this insertion, or is
    not due any more, as the spool had an identity that was taken back.
    updated_at: when the slot's contents last changed.
    identifiable: whether the slot can have an identity; one that cannot is never
    counted as unidentified.
    departed: the identity of the last spool that left; printers may keep reporting it.
    """

    unit: StoredUnit | None
    slot_no: int
    label: str | None = None
    present: bool | None = None
    active: bool | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    assigned_external_id: str | None = None
    assigned_label: str | None = None
    filament: Filament | None = None
    unknown_reported: bool = False
    inserted_at: datetime | None = None
    updated_at: datetime | None = None
    identifiable: bool = True
    departed: Identifiers = NO_IDENTIFIERS

    @property
    def key(self) -> tuple[str | None, int]:
        """The permanent key: that of the unit (None for a direct slot) and the slot number."""
        return (self.unit.key if self.unit else None, self.slot_no)

    @property
    def shown_label(self) -> str:
        """The name of the slot on the printer's screen, else its number."""
        return self.label or str(self.slot_no)

    @property
    def latest_identity(self) -> Identifiers:
        """The identity that the printer reported last for this slot."""
        return self.identifiers if self.identifiers.known else self.departed

    @property
    def status(self) -> SlotStatus | None:
        """The status of the slot; None if its presence is unknown."""
        if self.present is None:
            return None
        if not self.present:
            return SlotStatus.EMPTY
        if self.identifiers.known or self.assigned_external_id is not None:
            return SlotStatus.IDENTIFIED
        return SlotStatus.UNIDENTIFIED
