"""What one event does to the slots of one printer: the only implementation there is.

Pure: the slots go in, the slots and the rows to be written come out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ..model import (
    MAX_LABEL,
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    Filament,
    Identifiers,
    SlotContext,
    SlotState,
    SpoolEvent,
    StandardEvent,
    StoredSlot,
    StoredUnit,
    UnitState,
)

type SlotKey = tuple[str | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterSlots:
    """All that is known of one printer's units and slots; replaced, never changed.

    units: by their key. slots: by `StoredSlot.key`.
    holders: which unit sits at a number now; a unit that was unplugged keeps its
    last number without holding it.
    sequence: how many events have changed something, in the order they were emitted.
    last_seen: when the latest of them happened.
    """

    units: Mapping[str, StoredUnit] = field(default_factory=dict)
    slots: Mapping[SlotKey, StoredSlot] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    sequence: int = 0
    last_seen: datetime | None = None

    def key_of(self, slot: Mapping[str, Any]) -> SlotKey:
        """Return the key of a slot as an event names it, just after that event.

        Raises KeyError for a unit that is not known.
        """
        number = slot["ams_unit_no"]
        return (None if number is None else self.holders[number], slot["slot_no"])

    def seen(self, at: datetime) -> PrinterSlots:
        """Return the slots of a printer that was seen at a time."""
        return replace(self, last_seen=max(self.last_seen or at, at))


@dataclass(frozen=True, slots=True)
class UnitRow:
    """The unit as it is now; `holds_number`: it is the one that sits at its number."""

    unit: StoredUnit
    holds_number: bool


@dataclass(frozen=True, slots=True)
class SlotRow:
    """The slot as it is now."""

    slot: StoredSlot


@dataclass(frozen=True, slots=True)
class EventRow:
    """An entry of history and the spools it is about, by slot.

    An `ams_state` in history is about the slots whose content it changed and names
    no others.
    """

    event: StandardEvent
    spools: Mapping[SlotKey, Identifiers]


type Row = UnitRow | SlotRow | EventRow


def apply(
    slots: PrinterSlots, event: StandardEvent
) -> tuple[PrinterSlots, tuple[Row, ...]]:
    """Return the slots after the event, and what has to be written; no rows, no change.

    Insert, remove and *unknown* always make history. An `ams_state` makes history only
    where the content of a slot differs: presence, identity, material, name, colour,
    preset, temperatures. What is left on the spool, which slot is active, labels and
    all that is said of a unit are current state and no history. A key that is absent
    says nothing. Null says "not known": it keeps presence and names, and clears
    what is a reading of the moment.

    An identity given by a person comes with an insertion, in `meta.assigned`, which
    only the core may say. It goes with the spool, whose removal carries it, and gives
    way to any identity the printer tells. While there is one, an *unknown* says nothing
    new: the person has answered already.
    """
    draft = _Draft(slots, event.event_at)
    match event:
        case SpoolEvent():
            history = draft.take_spool(event)
            return draft.result(history) if history else (slots, ())
        case AmsStateEvent():
            return draft.result(draft.take_state(event))


class _Draft:
    """The slots while one event is worked in."""

    def __init__(self, before: PrinterSlots, at: datetime) -> None:
        """Begin with the slots as they are."""
        self._before = before
        self._at = at
        self._units = dict(before.units)
        self._slots = dict(before.slots)
        self._holders = dict(before.holders)
        self._touched_units: dict[str, None] = {}
        self._touched_slots: dict[SlotKey, None] = {}

    def take_spool(self, event: SpoolEvent) -> EventRow | None:
        """Work in an insert, a remove or an *unknown*; None where it is no news."""
        meta = event.meta or {}
        unit = self._unit_of(event.slot, _names(meta.get("unit")))
        slot = self._slot(unit, event.slot.slot_no)
        label = _label(meta.get("slot_label")) or slot.label
        identifiers = event.identifiers or NO_IDENTIFIERS
        match event.event_type:
            case EventType.SPOOL_INSERTED:
                after = _emptied(
                    slot,
                    label=label,
                    present=True,
                    identifiers=identifiers,
                    filament=_filament(meta.get("filament")),
                    inserted_at=self._at,
                    **_assigned(meta.get("assigned")),
                )
                identifiers = spool_in(after)
            case EventType.SPOOL_REMOVED:
                after = _emptied(slot, label=label, present=False)
                identifiers = event.identifiers or slot.identifiers
                if slot.assigned_external_id is not None:
                    event = event.model_copy(update={"meta": meta | _as_meta(slot)})
                    identifiers = spool_in(slot)
            case EventType.UNKNOWN_SPOOL_DETECTED:
                if slot.assigned_external_id is not None:
                    return None
                after = replace(slot, label=label, present=True, unknown_reported=True)
        self._put(slot, after)
        return EventRow(event, {slot.key: identifiers})

    def take_state(self, event: AmsStateEvent) -> EventRow | None:
        """Work in a confirmed picture; return what of it is history, if anything."""
        spools: dict[SlotKey, Identifiers] = {}
        units = [
            state.model_copy(
                update={"slots": self._take_slots(unit, state.slots, spools)}
            )
            for unit, state in zip(
                self._units_of(event.ams_units), event.ams_units, strict=True
            )
        ]
        direct_slots = self._take_slots(None, event.direct_slots, spools)
        if not spools:
            return None
        changed = {
            "ams_units": tuple(unit for unit in units if unit.slots),
            "direct_slots": direct_slots,
        }
        return EventRow(event.model_copy(update=changed), spools)

    def _take_slots(
        self,
        unit: StoredUnit | None,
        states: tuple[SlotState, ...],
        spools: dict[SlotKey, Identifiers],
    ) -> tuple[SlotState, ...]:
        """Work in the slots of a unit; return those whose content differs."""
        changed = []
        for state in states:
            slot = self._slot(unit, state.slot_no)
            after = _told(slot, state)
            if self._put(slot, after):
                changed.append(state)
                spools[slot.key] = spool_in(after)
        return tuple(changed)

    def result(self, history: EventRow | None) -> tuple[PrinterSlots, tuple[Row, ...]]:
        """Return the slots, and rows for what differs from before."""
        rows: list[Row] = []
        for key in self._touched_units:
            unit = self._units[key]
            rows.append(UnitRow(unit, self._holders.get(unit.ams_unit_no) == key))
        rows += (SlotRow(self._slots[key]) for key in self._touched_slots)
        if history is not None:
            rows.append(history)
        if not rows:
            return self._before, ()
        return PrinterSlots(
            units=self._units,
            slots=self._slots,
            holders=self._holders,
            sequence=self._before.sequence + 1,
            last_seen=max(self._before.last_seen or self._at, self._at),
        ), tuple(rows)

    def _slot(self, unit: StoredUnit | None, slot_no: int) -> StoredSlot:
        slot = self._slots.get((unit.key if unit else None, slot_no))
        return slot or StoredSlot(unit=unit, slot_no=slot_no)

    def _put(self, before: StoredSlot, after: StoredSlot) -> bool:
        """Keep the slot; return whether its content differs."""
        if after == before and after.key in self._slots:
            return False
        differs = _differs(before, after)
        if differs:
            after = replace(after, updated_at=self._at)
        self._slots[after.key] = after
        self._touched_slots[after.key] = None
        return differs

    def _unit_of(self, slot: SlotContext, names: dict[str, str]) -> StoredUnit | None:
        """Return the unit of a spool event, by its serial, else by its number."""
        if slot.ams_unit_no is None:
            return None
        key = self._key_of_serial(names.get("serial"), slot.ams_unit_no)
        key = key or self._holders.get(slot.ams_unit_no)
        told: dict[str, Any] = {**names}
        if slot.slots_total is not None:
            told["slots_total"] = slot.slots_total
        elif key is None:
            told["slots_total"] = 0
        return self._put_unit(key, slot.ams_unit_no, told)

    def _units_of(self, states: tuple[UnitState, ...]) -> list[StoredUnit]:
        """Return the units of a picture.

        Serials first, all of them: what is left of the numbers goes to those that
        told none, so that units which changed places are never mistaken.
        """
        keys = [self._key_of_serial(unit.serial, unit.ams_unit_no) for unit in states]
        taken = set(keys)
        for i, unit in enumerate(states):
            holder = self._holders.get(unit.ams_unit_no)
            if unit.serial is None and holder not in taken:
                keys[i] = holder
        return [
            self._put_unit(key, state.ams_unit_no, _unit_told(state))
            for key, state in zip(keys, states, strict=True)
        ]

    def _key_of_serial(self, serial: str | None, number: int) -> str | None:
        """Find a unit by serial, or the one at the number that never told its own."""
        if serial is None:
            return None
        for unit in self._units.values():
            if unit.serial == serial:
                return unit.key
        holder = self._holders.get(number)
        return holder if holder and self._units[holder].serial is None else None

    def _put_unit(
        self, key: str | None, number: int, told: dict[str, Any]
    ) -> StoredUnit:
        """Keep what is told of a unit; it takes the number unless it is away."""
        if key is None:
            key = self._free_key(told.get("serial") or f"u{number}")
            unit = StoredUnit(key=key, ams_unit_no=number, **told)
        else:
            unit = before = self._units[key]
            told["ams_unit_no"] = number
            for name, value in told.items():
                if getattr(before, name) != value:
                    unit = replace(before, **told)
                    break
            if before.ams_unit_no != number:
                self._leave(before)
        if unit.online is not False or number not in self._holders:
            self._take(number, key)
        if unit is not self._units.get(key):
            self._units[key] = unit
            self._touched_units[key] = None
            for slot in list(self._slots.values()):
                if slot.key[0] == key:
                    self._slots[slot.key] = replace(slot, unit=unit)
        return unit

    def _leave(self, unit: StoredUnit) -> None:
        if self._holders.get(unit.ams_unit_no) == unit.key:
            del self._holders[unit.ams_unit_no]

    def _take(self, number: int, key: str) -> None:
        holder = self._holders.get(number)
        if holder != key:
            self._holders[number] = key
            self._touched_units[key] = None
            if holder is not None:
                self._touched_units[holder] = None

    def _free_key(self, wanted: str) -> str:
        """Return the key, or the next one if another unit has taken it."""
        key, turn = wanted, 2
        while key in self._units:
            key, turn = f"{wanted}.{turn}", turn + 1
        return key


def spool_in(slot: StoredSlot) -> Identifiers:
    """Return who is in a slot: as the printer says, else as a person does."""
    if slot.identifiers.known or slot.assigned_external_id is None:
        return slot.identifiers
    return Identifiers(external_id=slot.assigned_external_id)


def _emptied(slot: StoredSlot, **told: Any) -> StoredSlot:
    """Return the slot without its spool, then with what is told; what it is stays."""
    stays = {
        "unit": slot.unit,
        "slot_no": slot.slot_no,
        "label": slot.label,
        "active": slot.active,
        "updated_at": slot.updated_at,
        "identifiable": slot.identifiable,
    }
    return StoredSlot(**stays | told)


def _told(slot: StoredSlot, state: SlotState) -> StoredSlot:
    """Return the slot as a picture says it is."""
    said = state.model_fields_set
    present = slot.present if state.present is None else state.present
    if present is False or (present and slot.present is False):
        slot = _emptied(slot)
    after = replace(slot, present=present, label=state.label or slot.label)
    if "active" in said:
        after = replace(after, active=state.active)
    if "identifiers" in said:
        after = replace(after, identifiable=state.identifiers is not None)
    if present is False:
        return after
    if "identifiers" in said:
        after = replace(after, identifiers=state.identifiers or NO_IDENTIFIERS)
        if after.identifiers.known:
            after = replace(after, assigned_external_id=None, assigned_label=None)
    if "filament" in said:
        after = replace(after, filament=_known(state.filament))
    return after


_NO_FILAMENT = Filament()
_LEFT_ON_SPOOL = {"remaining_percent": None, "remaining_g": None}


def _differs(before: StoredSlot, after: StoredSlot) -> bool:
    """Return whether the content of a slot differs, which makes history."""
    if before.present != after.present or before.identifiers != after.identifiers:
        return True
    if before.filament is None or after.filament is None:
        return before.filament is not after.filament
    told, now = vars(before.filament), vars(after.filament)
    return told | _LEFT_ON_SPOOL != now | _LEFT_ON_SPOOL


def _known(filament: Filament | None) -> Filament | None:
    # As `==` of the two, in a tenth of the time: they hold nothing but plain values.
    if filament is None or vars(filament) == vars(_NO_FILAMENT):
        return None
    return filament


def _filament(value: object) -> Filament | None:
    """Return `meta.filament`; meta is free, so nonsense in it is no filament."""
    try:
        return _known(Filament.model_validate(value))
    except ValidationError:
        return None


def _assigned(value: object) -> dict[str, Any]:
    """Return the fields of a slot that `meta.assigned` fills."""
    if not isinstance(value, dict):
        return {}
    return {
        "assigned_external_id": value["external_id"],
        "assigned_label": value["label"],
    }


def _as_meta(slot: StoredSlot) -> dict[str, Any]:
    """Return `meta.assigned` of what was assigned to a slot."""
    return {
        "assigned": {
            "external_id": slot.assigned_external_id,
            "label": slot.assigned_label,
        }
    }


_KEPT_WHEN_NULL = ("serial", "model", "label", "online", "drying")


def _unit_told(state: UnitState) -> dict[str, Any]:
    """Return the fields of a unit that a picture says something about."""
    return {
        name: value
        for name in state.model_fields_set - {"ams_unit_no", "slots"}
        if (value := getattr(state, name)) is not None or name not in _KEPT_WHEN_NULL
    }


def _names(unit: object) -> dict[str, str]:
    """Return what `meta.unit` names."""
    if not isinstance(unit, dict):
        return {}
    return {
        name: text
        for name in ("serial", "model", "label")
        if (text := _label(unit.get(name))) is not None
    }


def _label(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_LABEL else None
