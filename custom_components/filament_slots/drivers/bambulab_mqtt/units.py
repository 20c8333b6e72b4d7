"""Makes the snapshot: numbers and labels of slots, presence, the active slot."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ...model import NO_IDENTIFIERS
from ..snapshot import Slot, Snapshot, Unit
from .filament import describe
from .hms import LITE
from .layout import PLACES, Place
from .loaded import Address, loaded
from .merged import EXTERNAL_LEFT, EXTERNAL_RIGHT, Merged, Tray, WireUnit, flag
from .versions import Versions

_MODELS: Final = {1: "AMS", 2: "AMS Lite", 3: "AMS 2 Pro", 4: "AMS HT", 5: "AMS Lite"}
_NO_TRAY: Final = Tray()
_DRYERS: Final = ("AMS 2 Pro", "AMS HT")
_PRINTING: Final = ("RUNNING", "PAUSE")
_HOLDERS: Final = {EXTERNAL_RIGHT: "Ext-R", EXTERNAL_LEFT: "Ext-L"}


def make_snapshot(
    merged: Merged, versions: Versions | None, answered: Mapping[int, str | None]
) -> Snapshot:
    """Make the snapshot of a merged state.

    versions: the newest answer to get_version, None before the first.
    answered: the serial (None for a unit without one) of each unit that get_version
    listed after the unit had appeared.
    """
    printing = merged.gcode_state in _PRINTING
    held = loaded(merged)
    serials = {
        unit_id: unit.serial or answered.get(unit_id)
        for unit_id, unit in merged.units.items()
    }
    claims = Counter(serials.values())
    units = []
    for unit_id, unit in sorted(merged.units.items(), key=_by_number):
        serial = serials[unit_id]
        disputed = serial is not None and claims[serial] > 1
        units.append(
            _unit(
                merged,
                unit_id,
                model=_model(unit_id, unit, versions),
                serial=None if disputed else serial,
                confirmed=not disputed and (serial is not None or unit_id in answered),
                feeding=printing and held.in_unit(unit_id),
                active=held.active,
            )
        )
    return Snapshot(
        complete=merged.complete,
        frozen=merged.shutting_down,
        printing=printing,
        reading_enabled=merged.reads_on_insert,
        units=tuple(units),
        direct_slots=tuple(_external_slots(merged, held.active)),
        memory=merged.memory,
    )


def _by_number(item: tuple[int, WireUnit]) -> int:
    return PLACES[item[0]].unit_bit


def _unit(
    merged: Merged,
    unit_id: int,
    *,
    model: str | None,
    serial: str | None,
    confirmed: bool,
    feeding: bool,
    active: Address | None,
) -> Unit:
    unit, place = merged.units[unit_id], PLACES[unit_id]
    total = _slots_total(unit, place, model)
    # The bits cover all slots, even those that were never listed.
    numbers = sorted(unit.trays) if merged.exist_bits is None else range(total)
    # The Lite has no sensor but sends a level.
    has_level = unit.humidity is None and model not in (None, "AMS Lite")
    return Unit(
        ams_unit_no=place.unit_bit + 1,
        slots_total=total,
        serial=serial,
        confirmed=confirmed,
        model=model,
        label=place.label,
        drying=unit.drying,
        feeding=feeding,
        humidity_percent=unit.humidity or None,
        humidity_index=unit.humidity_level or None if has_level else None,
        temperature_c=unit.celsius or None,
        drying_minutes_left=_drying_minutes(unit, model),
        slots=tuple(
            _slot(merged, unit_id, tray, model, active=active == (unit_id, tray))
            for tray in numbers
        ),
    )


def _slot(
    merged: Merged, unit_id: int, tray: int, model: str | None, *, active: bool
) -> Slot:
    place = PLACES[unit_id]
    content = merged.units[unit_id].trays.get(tray, _NO_TRAY)
    present = merged.present(unit_id, tray)
    if present and merged.left and merged.not_renamed(place.slot_bit + tray, content):
        content = _NO_TRAY
    names = {(unit_id, tray), (LITE if model == "AMS Lite" else unit_id, tray)}
    return Slot(
        slot_no=tray + 1,
        label=place.slot_label(tray),
        present=present,
        reads_tags=True,
        reading=bool(flag(merged.reading_bits, place, tray)),
        read_done=flag(merged.read_done_bits, place, tray),
        # An empty slot that is not named again yet may still be named.
        read_stands=bool(flag(merged.standing_bits, place, tray))
        or not (present or merged.names_known),
        unreadable=not names.isdisjoint(merged.unreadable),
        ran_out=not names.isdisjoint(merged.ran_out),
        active=active,
        identifiers=content.identifiers,
        filament=content.filament,
    )


def _model(unit_id: int, unit: WireUnit, versions: Versions | None) -> str | None:
    """Return what the unit reports, else get_version, else what is plausible.

    See docs/protocols/bambu.md 3.3.
    """
    if unit.info is not None and (model := _MODELS.get(unit.info & 0xF)):
        return model
    if versions and (module := versions.units.get(unit_id)):
        return module.model
    if PLACES[unit_id].is_ht:
        return "AMS HT"
    if versions is None or unit.info is not None:
        return None
    return "AMS Lite" if (versions.model or "").startswith("A") else "AMS"


def _slots_total(unit: WireUnit, place: Place, model: str | None) -> int:
    """Count the slots; a unit of an unknown model has those it lists."""
    if model == "AMS HT":
        return 1
    if model is None and unit.info is not None and unit.trays:
        return max(unit.trays) + 1
    return place.slots


def _drying_minutes(unit: WireUnit, model: str | None) -> int | None:
    """Return them where there is a heater: units without one send 0 as well."""
    return unit.dry_minutes if unit.dry_minutes or model in _DRYERS else None


def _external_slots(merged: Merged, active: Address | None) -> Iterator[Slot]:
    """Yield the external holders, which have no sensor: only what a user configured.

    One holder is number 1; of two it is the right one, which feeds the main extruder.
    See docs/protocols/bambu.md 3.7.
    """
    holders = merged.holders
    if not holders and merged.holder is not None:
        holders = {EXTERNAL_RIGHT: merged.holder}
    alone = len(holders) == 1
    for slot_no, holder_id in enumerate(sorted(holders, reverse=True), start=1):
        fed = active is not None and active[0] in _HOLDERS
        yield Slot(
            slot_no=slot_no,
            label="Ext" if alone else _HOLDERS[holder_id],
            has_sensor=False,
            identifiable=False,
            active=fed if alone else active == (holder_id, 0),
            filament=describe(holders[holder_id], NO_IDENTIFIERS),
        )
