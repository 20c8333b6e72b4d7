"""Merges full and partial reports into the state of the printer, a `Merged`.

All models merge alike (docs/protocols/bambu.md 2): objects key by key, units and trays
by id. Everything is immutable, and merging values that are already known returns the
same object: `merged is before` means that nothing changed.
"""

from collections.abc import Callable, Mapping, Set as AbstractSet
from dataclasses import fields, replace
from typing import Any, Final

from ..numbers import boolean, number, whole
from .filament import FILAMENT_KEYS, SLOT_INFO_SET, describe, has_right_types, identify
from .hms import ran_out_slots, unreadable_slots
from .layout import PLACES, Place
from .merged import HOLDERS, NOTHING, Merged, Tray, WireUnit, flag, slot_bits
from .wire import bits, serial_number

# Called with the reason why a part of a report was left out; never with a value.
type Ignore = Callable[[str], None]

KEYS: Final[tuple[str, ...]] = (
    "ams",
    "vir_slot",
    "vt_tray",
    "device",
    "gcode_state",
    "hms",
)
# By key of the report: the attribute that takes the value, and the function that reads it.
type _Fields = Mapping[str, tuple[str, Callable[[object], Any]]]
_AMS_FIELDS: Final[_Fields] = {
    "ams_exist_bits": ("unit_bits", bits),
    "tray_exist_bits": ("exist_bits", bits),
    "tray_reading_bits": ("reading_bits", bits),
    "tray_read_done_bits": ("read_done_bits", bits),
    "tray_now": ("tray_now", whole),
    "insert_flag": ("reads_on_insert", boolean),
    "power_on_flag": ("reads_on_start", boolean),
    "version": ("version", whole),
}
_UNIT_FIELDS: Final[_Fields] = {
    "info": ("info", bits),
    "humidity": ("humidity_level", lambda value: whole(value, high=5)),
    "humidity_raw": ("humidity", lambda value: number(value, 0, 100)),
    "temp": ("celsius", lambda value: number(value, -40, 150)),
    "dry_time": ("dry_minutes", lambda value: whole(value, high=100_000)),
    "ams_id": ("serial", serial_number),
}
_EXTRUDER_FIELDS: Final[_Fields] = {"state": ("extruder_state", whole)}
_IN_FULL_REPORTS = frozenset({"gcode_state", "hms"})
_STATE_ONLY = frozenset({"id", "state"})


def merge(
    merged: Merged, report: Mapping[str, Any], msg: int | None, ignore: Ignore
) -> Merged:
    """Merge the parts of a report that are named in KEYS.

    msg: 0 for a full report, 1 for a partial one, None where the printer omits it; some
    printers send 0 with all. What a full one is: docs/protocols/bambu.md 5, `complete`.
    """
    full = msg != 1 and report.keys() >= _IN_FULL_REPORTS
    for key in KEYS:
        match key, report.get(key):
            case _, None:
                pass
            case "ams", dict(ams):
                merged = _merge_ams(merged, ams, msg, full, ignore)
            case "vir_slot", list(holders):
                merged = _merge_holders(merged, holders, ignore)
            case "vt_tray", dict(holder) if has_right_types(holder):
                merged = _with(merged, holder=_overlay(merged.holder or {}, holder))
            case "device", dict(device):
                merged = _merge_extruders(merged, device.get("extruder"), ignore)
            case "gcode_state", str(state):
                merged = _with(merged, gcode_state=state)
            case "hms", list(entries):
                merged = _with(
                    merged,
                    unreadable=unreadable_slots(entries),
                    ran_out=ran_out_slots(entries),
                )
            case _:
                ignore(f"{key} has the wrong type")
    if full and merged.only_holders:
        return _with(merged, complete=True)
    return merged


def _merge_ams(
    merged: Merged,
    ams: Mapping[str, Any],
    msg: int | None,
    full: bool,
    ignore: Ignore,
) -> Merged:
    listed = _list(ams, "ams", ignore)
    values = _read(ams, _AMS_FIELDS, ignore)
    no_units_at_all = listed == [] and msg != 1
    some = merged.units or not merged.complete or values.get("version") == 0
    if values.get("unit_bits") == 0 and some and not no_units_at_all:
        # A printer that shuts down reports that everything is gone, also where all
        # units are away (docs/protocols/bambu.md P1), and before any was listed.
        refused = _merge_units(merged.units, listed or [], False, ignore)
        return _with(
            merged,
            contradictory=True,
            shutting_down=True,
            standing_bits=-1,
            left=merged.left_later,
            nameless=merged.nameless_later,
            names_known=False,
            units={
                unit_id: _unit_unknown(unit, refused[unit_id])
                for unit_id, unit in merged.units.items()
            },
            # Kept, to be compared with the one after a restart.
            **(_unknown(merged, values) | {"version": merged.version}),
        )
    after = _with(merged, lists_units=True, **values)
    units = {**merged.announced, **merged.units} if merged.announced else merged.units
    if listed is not None:
        units = _merge_units(units, listed, msg == 0, ignore)
        after = _with(after, phases=_phases(merged.phases, units), complete=True)
    after = _with_units(after, units)
    if merged.before is not None and not (full or merged.complete):
        # What has not changed since the connection before is not repeated, as bits (P19),
        # nor are names after a loose contact (docs/protocols/bambu.md 9).
        if msg != 0 or not after.listed(named=True):
            return _with(merged, lists_units=True)
    after = _with(after, standing_bits=_standing_bits(merged, after))
    named = merged.names_known or msg == 0 or after.named_again
    after = _with(after, left=after.left_unread, names_known=named)
    # It sends them again where the report that was not believed has changed them.
    filled = "exist_bits" in values or (
        after.unit_bits and merged.shutting_down and after.exist_bits is not None
    )
    if msg == 0 or (listed is not None and filled):
        lacks = msg != 0 and after.contradictory and after.read_done_bits is None
        return _with(after, contradictory=lacks, shutting_down=False)
    if _contradicts(merged, after, values):
        return _with(after, contradictory=True)
    return after


def _phases(
    before: Mapping[int, int], units: Mapping[int, WireUnit]
) -> Mapping[int, int]:
    infos = {unit_id: unit.info for unit_id, unit in units.items()}
    return {**before, **{id_: i >> 28 & 3 for id_, i in infos.items() if i is not None}}


def _standing_bits(before: Merged, after: Merged) -> int:
    """Return which read_done bits may stand since before.

    A read ends it, which shows by a name too, or a clear while the slot is filled. They
    may after a restart of a printer that reads nothing then, where it is not known whether
    it restarted, and where the unit was away (docs/protocols/bambu.md 9).
    """
    standing = before.standing_bits
    restarted = _restarted(before, after)
    if restarted is not False:
        reads = after.reads_on_start and not before.shutting_down
        standing = -1 if not reads else 0 if restarted else standing
    if not (before.units and before.names_known):
        # The first names: a slot that was nameless before was read since.
        standing &= ~(after.nameless & after.listed(named=True))
    if before.complete:
        standing |= slot_bits(after.units.keys() - before.units.keys())
    empty = ~(after.exist_bits or 0)
    if after.read_done_bits is not None:
        # A slot that is empty as well may only have lost its filament for a moment.
        standing &= after.read_done_bits | empty
    elif after.contradictory:
        # A read that was broken off by that has not ended.
        standing |= empty
    return standing & ~(after.reading_bits or 0)


def _restarted(before: Merged, after: Merged) -> bool | None:
    """Return whether the printer has; None where it is not known."""
    if any(
        phase == 1 and after.phases.get(unit_id) == 2
        for unit_id, phase in before.phases.items()
    ):
        return True
    if after.version is None:
        return False if before.units else None
    if before.units and before.version is not None:
        return after.version < before.version
    known = after.before
    if known is None:
        return None
    # The same number although something changed: it counted up to it again.
    return after.version < known.version + known.differs_from(after.content)


def _unknown(known: Merged | WireUnit, refused: Mapping[str, Any]) -> dict[str, Any]:
    """Return the unset values for those that a report which is not believed changes.

    The printer may not repeat them (docs/protocols/bambu.md 9).
    """
    unset = type(known)()
    return {
        name: getattr(unset, name)
        for name, value in refused.items()
        if getattr(known, name) != value
    }


def _unit_unknown(known: WireUnit, refused: WireUnit) -> WireUnit:
    """Return a unit without the values and trays that such a report changes."""
    values = {field.name: getattr(refused, field.name) for field in fields(refused)}
    trays = {
        number: tray
        for number, tray in known.trays.items()
        if refused.trays[number] is tray
    }
    return _with(known, **(_unknown(known, values) | {"trays": trays}))


def _read(piece: Mapping[str, Any], fields: _Fields, ignore: Ignore) -> dict[str, Any]:
    """Return the values of an object, without those that are missing or make no sense."""
    values = {}
    for key, (name, read) in fields.items():
        value = piece.get(key)
        if value is None or value == "":
            continue
        if (parsed := read(value)) is None:
            ignore(f"{key} makes no sense")
        else:
            values[name] = parsed
    return values


def _merge_units(
    units: Mapping[int, WireUnit], listed: list[Any], all_listed: bool, ignore: Ignore
) -> Mapping[int, WireUnit]:
    """Merge by id; of two objects with one id the later counts.

    A unit that a full list is without is gone; one that a partial list is without stays.
    """
    seen = set()
    for piece in listed:
        unit_id = whole(piece.get("id")) if isinstance(piece, dict) else None
        if unit_id not in PLACES:
            ignore("a unit of an unknown kind")
            # An unreadable id may stand for any unit, so none is known to be gone.
            all_listed = all_listed and unit_id is not None
            continue
        if unit_id in seen:
            ignore("a unit listed twice")
        seen.add(unit_id)
        known = units.get(unit_id, WireUnit())
        unit = _merge_unit(known, piece, PLACES[unit_id], ignore)
        if unit is not known or unit_id not in units:
            units = {**units, unit_id: unit}
    return _only(units, seen) if all_listed else units


def _with_units(merged: Merged, units: Mapping[int, WireUnit]) -> Merged:
    """Return it with those that are connected, and those listed before their bit."""
    if merged.unit_bits is None:
        return _with(merged, units=units)
    here = {unit_id for unit_id in units if _connected(merged, unit_id)}
    if len(here) == len(units):
        return _with(merged, units=units, announced=NOTHING)
    announced = units.keys() - here - merged.units.keys()
    return _with(merged, units=_only(units, here), announced=_only(units, announced))


def _connected(merged: Merged, unit_id: int) -> bool:
    return bool((merged.unit_bits or 0) >> PLACES[unit_id].unit_bit & 1)


def _only(
    units: Mapping[int, WireUnit], ids: AbstractSet[int]
) -> Mapping[int, WireUnit]:
    if units.keys() <= ids:
        return units
    return {unit_id: unit for unit_id, unit in units.items() if unit_id in ids}


def _merge_unit(
    known: WireUnit, piece: Mapping[str, Any], place: Place, ignore: Ignore
) -> WireUnit:
    trays = known.trays
    seen = set()
    for tray in _list(piece, "tray", ignore) or ():
        tray_id = whole(tray.get("id")) if isinstance(tray, dict) else None
        if tray_id is None or tray_id >= place.slots:
            ignore("a tray that the unit cannot have")
            continue
        if tray_id in seen:
            ignore("a tray listed twice")
        seen.add(tray_id)
        before = trays.get(tray_id)
        after = _merge_tray(before, tray, ignore)
        if after is not None and after is not before:
            trays = {**trays, tray_id: after}
    return _with(known, trays=trays, **_read(piece, _UNIT_FIELDS, ignore))


def _merge_tray(
    known: Tray | None, piece: Mapping[str, Any], ignore: Ignore
) -> Tray | None:
    """Replace the known tray; an id alone clears it (docs/protocols/bambu.md 2).

    An object without a key of the filament is added to the known content, unless its
    state reports that the printer has no information about the slot any more.
    """
    if known is not None and known.last == piece:
        return known
    if not has_right_types(piece):
        ignore("a tray has the wrong types")
        return known
    content, state = piece, whole(piece.get("state"))
    if known is not None and len(piece) > 1 and FILAMENT_KEYS.isdisjoint(piece):
        if state is None:
            state = known.state
        if state is None or state & SLOT_INFO_SET:
            content = {**known.content, **piece}
    identifiers = identify(content)
    return Tray(piece, content, state, identifiers, describe(content, identifiers))


def _contradicts(before: Merged, after: Merged, values: Mapping[str, Any]) -> bool:
    """Whether a partial report does not agree with the earlier ones."""
    if "unit_bits" in values and any(
        _connected(after, unit_id) and unit_id not in after.units for unit_id in PLACES
    ):
        return True
    if (
        "exist_bits" in values
        or after.exist_bits is None
        or before.units is after.units
    ):
        return False
    return any(
        tray.last.keys() == _STATE_ONLY
        and tray.state is not None
        and not unit.drying
        and bool(tray.state & 1) != flag(after.exist_bits, PLACES[unit_id], number)
        for unit_id, unit in after.units.items()
        for number, tray in unit.trays.items()
    )


def _merge_holders(merged: Merged, listed: list[Any], ignore: Ignore) -> Merged:
    holders = merged.holders
    for piece in listed:
        holder_id = whole(piece.get("id")) if isinstance(piece, dict) else None
        if holder_id not in HOLDERS or not has_right_types(piece):
            ignore("an external holder of an unknown kind")
            continue
        known = holders.get(holder_id)
        holder = _overlay(known or {}, piece)
        if holder is not known:
            holders = {**holders, holder_id: holder}
    return _with(merged, holders=holders)


def _merge_extruders(merged: Merged, extruder: object, ignore: Ignore) -> Merged:
    if not isinstance(extruder, dict):
        if extruder is not None:
            ignore("the extruders have the wrong type")
        return merged
    snow = merged.snow
    for piece in _list(extruder, "info", ignore) or ():
        if not isinstance(piece, dict):
            ignore("an extruder has the wrong type")
            continue
        extruder_id, holds = whole(piece.get("id")), whole(piece.get("snow"))
        if extruder_id is not None and holds is not None:
            snow = {**snow, extruder_id: holds}
    return _with(merged, snow=snow, **_read(extruder, _EXTRUDER_FIELDS, ignore))


def _list(piece: Mapping[str, Any], key: str, ignore: Ignore) -> list[Any] | None:
    listed = piece.get(key)
    if listed is None or isinstance(listed, list):
        return listed
    ignore(f"{key} is no list")
    return None


def _overlay(known: Mapping[str, Any], piece: Mapping[str, Any]) -> Mapping[str, Any]:
    return known if piece.items() <= known.items() else {**known, **piece}


def _with[T: (Merged, WireUnit)](known: T, **values: Any) -> T:
    """Return a copy with these values, or the object itself where it has them."""
    for name, value in values.items():
        before = getattr(known, name)
        if before is not value and before != value:
            return replace(known, **values)
    return known
