"""What one event changes in the slots of one printer; pure functions."""

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
    """One printer's units and slots; replaced, never changed.

    units: by their key. slots: by `StoredSlot.key`.
    holders: the unit at each number now; an unplugged unit keeps its last number
    without holding it.
    sequence: how many events have changed something. last_seen: when the latest of
    them happened. memory: what the driver needs again after a restart.
    """

    units: Mapping[str, StoredUnit] = field(default_factory=dict)
    slots: Mapping[SlotKey, StoredSlot] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    sequence: int = 0
    last_seen: datetime | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)

    def key_of(self, slot: Mapping[str, Any]) -> SlotKey:
        """Return the key of an event's slot, just after it; KeyError: unknown unit."""
        number = slot["ams_unit_no"]
        return (None if number is None else self.holders[number], slot["slot_no"])

    def seen(self, at: datetime) -> PrinterSlots:
        """Return the slots of a printer that was seen at a time."""
        return replace(self, last_seen=max(self.last_seen or at, at))


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit as it is now; `holds_number`: it is the one at its number."""

    unit: StoredUnit
    holds_number: bool


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot as it is now."""

    slot: StoredSlot


@dataclass(frozen=True, slots=True)
class EventRow:
    """An entry of history and its spools, by slot.

    An `ams_state` in history contains only the slots whose content it changed.
    moves: of an entry that counts one more change, whether that inserted its spool.
    """

    event: StandardEvent
    spools: Mapping[SlotKey, Identifiers]
    moves: bool | None = None


type Row = UnitRow | SlotRow | EventRow


def apply(
    slots: PrinterSlots, event: StandardEvent
) -> tuple[PrinterSlots, tuple[Row, ...]]:
    """Return the slots after the event, and rows to write, that of history last.

    Insert, remove and *unknown* always make history. An `ams_state` makes history only
    where the content of a slot differs: presence, identity, material, name, colour,
    preset, temperatures. What is left on the spool, the active slot, labels and all
    fields of a unit are current state only. An absent key changes nothing. Null means
    "not known": it keeps presence and names, and clears momentary readings.

    An identity assigned by a user comes with an insertion, in `meta.assigned`, which is
    set by the core alone. The spool's removal carries it; any identity from the printer
    replaces it. While there is one, an *unknown* changes nothing.
    """
    draft = _Draft(slots, event.event_at)
    match event:
        case SpoolEvent():
            history = draft.take_spool(event)
            return draft.result(history) if history else (slots, ())
        case AmsStateEvent():
            return draft.result(draft.take_state(event))


class _Draft:
    """The slots while one event is applied."""

    def __init__(self, before: PrinterSlots, at: datetime) -> None:
        """Copy the slots as they are."""
        self._before = before
        self._at = at
        self._units = dict(before.units)
        self._slots = dict(before.slots)
        self._holders = dict(before.holders)
        self._touched_units: dict[str, None] = {}
        self._touched_slots: dict[SlotKey, None] = {}

    def take_spool(self, event: SpoolEvent) -> EventRow | None:
        """Apply an insert, a remove or an *unknown*; None: it changes nothing."""
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
                    filament=reported_filament(meta.get("filament")),
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
        """Apply an `ams_state`; return what of it is history, if anything."""
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
        changed = tuple(unit for unit in units if unit.slots)
        update = {"ams_units": changed, "direct_slots": direct_slots}
        return EventRow(event.model_copy(update=update), spools)

    def _take_slots(
        self,
        unit: StoredUnit | None,
        states: tuple[SlotState, ...],
        spools: dict[SlotKey, Identifiers],
    ) -> tuple[SlotState, ...]:
        """Apply the slots of a unit; return those whose content differs."""
        changed = []
        for state in states:
            slot = self._slot(unit, state.slot_no)
            after = _updated(slot, state)
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
        return replace(
            self._before.seen(self._at),
            units=self._units,
            slots=self._slots,
            holders=self._holders,
            sequence=self._before.sequence + 1,
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
        key = self._key_of(slot.ams_unit_no, names.get("serial"), names.get("label"))
        key = key or self._holders.get(slot.ams_unit_no)
        values: dict[str, Any] = {**names}
        if slot.slots_total is not None or key is None:
            values["slots_total"] = slot.slots_total or 0
        return self._put_unit(key, slot.ams_unit_no, values)

    def _units_of(self, states: tuple[UnitState, ...]) -> list[StoredUnit]:
        """Return the units of an `ams_state`; serials first, as units change places."""
        keys = [self._key_of(u.ams_unit_no, u.serial, u.label) for u in states]
        taken = set(keys)
        for i, unit in enumerate(states):
            holder = self._holders.get(unit.ams_unit_no)
            if unit.serial is None and holder not in taken:
                keys[i] = holder
        return [
            self._put_unit(key, state.ams_unit_no, _unit_values(state))
            for key, state in zip(keys, states, strict=True)
        ]

    def _key_of(self, number: int, serial: str | None, label: str | None) -> str | None:
        """Find a unit by serial; by label, else number, if it was stored without one."""
        known = {unit.serial: unit.key for unit in self._units.values()}
        if serial is None or serial in known:
            return known[serial] if serial else None
        new = [unit for unit in self._units.values() if unit.serial is None]
        by_label: dict[str | None, str] = {u.label: u.key for u in new if u.label}
        holder = self._holders.get(number)
        unnamed = [u.key for u in new if u.key == holder and None in (u.label, label)]
        return by_label.get(label) or next(iter(unnamed), None)

    def _put_unit(
        self, key: str | None, number: int, values: dict[str, Any]
    ) -> StoredUnit:
        """Set values of a unit; it takes the number unless it is offline."""
        if key is None:
            key = self._free_key(values.get("serial") or f"u{number}")
            unit = StoredUnit(key=key, ams_unit_no=number, **values)
        else:
            unit = before = self._units[key]
            values["ams_unit_no"] = number
            if any(getattr(before, name) != value for name, value in values.items()):
                unit = replace(before, **values)
            old = before.ams_unit_no
            if old != number and self._holders.get(old) == key:
                del self._holders[old]
        if unit.online is not False or number not in self._holders:
            self._take(number, key)
        if unit is not self._units.get(key):
            self._units[key] = unit
            self._touched_units[key] = None
            for slot in list(self._slots.values()):
                if slot.key[0] == key:
                    self._slots[slot.key] = replace(slot, unit=unit)
        return unit

    def _take(self, number: int, key: str) -> None:
        holder = self._holders.get(number)
        if holder != key:
            self._holders[number] = key
            self._touched_units[key] = None
            if holder is not None:
                self._touched_units[holder] = None

    def _free_key(self, wanted: str) -> str:
        """Return the key, or the next one where another unit has it."""
        key, turn = wanted, 2
        while key in self._units:
            key, turn = f"{wanted}.{turn}", turn + 1
        return key


def spool_in(slot: StoredSlot) -> Identifiers:
    """Return the identity in a slot: the printer's, else the assigned one."""
    if slot.identifiers.known or slot.assigned_external_id is None:
        return slot.identifiers
    return Identifiers(external_id=slot.assigned_external_id)


def _emptied(slot: StoredSlot, **values: Any) -> StoredSlot:
    """Return the slot without its spool, with these values."""
    kept = ("unit", "slot_no", "label", "active", "updated_at", "identifiable")
    values = {"departed": slot.latest_identity} | values
    return StoredSlot(**{name: getattr(slot, name) for name in kept} | values)


def _updated(slot: StoredSlot, state: SlotState) -> StoredSlot:
    """Return the slot as an `ams_state` reports it."""
    reported = state.model_fields_set
    present = slot.present if state.present is None else state.present
    if present is False or (present and slot.present is False):
        slot = _emptied(slot)
    after = replace(slot, present=present, label=state.label or slot.label)
    if "active" in reported:
        after = replace(after, active=state.active)
    if "identifiers" in reported:
        after = replace(after, identifiable=state.identifiers is not None)
    if present is False:
        return after
    if "identifiers" in reported:
        after = replace(after, identifiers=state.identifiers or NO_IDENTIFIERS)
        if after.identifiers.known:
            after = replace(after, assigned_external_id=None, assigned_label=None)
        elif slot.identifiers.known:
            after = replace(after, unknown_reported=True)
    if "filament" in reported:
        after = replace(after, filament=_known(state.filament))
    return after


NO_FILAMENT = Filament()
_LEFT_ON_SPOOL = {"remaining_percent": None, "remaining_g": None}


def _differs(before: StoredSlot, after: StoredSlot) -> bool:
    """Return whether the content of a slot differs, which makes history."""
    if before.present != after.present or before.identifiers != after.identifiers:
        return True
    if before.filament is None or after.filament is None:
        return before.filament is not after.filament
    old, new = vars(before.filament), vars(after.filament)
    return old | _LEFT_ON_SPOOL != new | _LEFT_ON_SPOOL


def _known(filament: Filament | None) -> Filament | None:
    # As `==` of the two, in a tenth of the time: they hold nothing but plain values.
    return filament if filament and vars(filament) != vars(NO_FILAMENT) else None


def reported_filament(value: object) -> Filament | None:
    """Return `meta.filament`; None where it is not valid, as meta is not validated."""
    try:
        return _known(Filament.model_validate(value))
    except ValidationError:
        return None


def _assigned(value: object) -> dict[str, Any]:
    """Return the fields of a slot that `meta.assigned` fills."""
    if not isinstance(value, dict):
        return {}
    return {f"assigned_{name}": value[name] for name in ("external_id", "label")}


def _as_meta(slot: StoredSlot) -> dict[str, Any]:
    """Return `meta.assigned` of what was assigned to a slot."""
    external_id, label = slot.assigned_external_id, slot.assigned_label
    return {"assigned": {"external_id": external_id, "label": label}}


_KEPT_WHEN_NULL = ("serial", "model", "label", "online", "drying")


def _unit_values(state: UnitState) -> dict[str, Any]:
    """Return the values of a unit that an `ams_state` changes."""
    return {
        name: value
        for name in state.model_fields_set - {"ams_unit_no", "slots"}
        if (value := getattr(state, name)) is not None or name not in _KEPT_WHEN_NULL
    }


def _names(unit: object) -> dict[str, str]:
    """Return what `meta.unit` names."""
    known = unit if isinstance(unit, dict) else {}
    names = {name: _label(known.get(name)) for name in ("serial", "model", "label")}
    return {name: text for name, text in names.items() if text is not None}


def _label(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_LABEL else None
