"""OpenAMS without AFC: its manager, boards and tag readers (docs/protocols/moonraker.md 3.9)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ...numbers import boolean, whole
from ...snapshot import Slot, Unit
from . import sensors
from .system import (
    ANY,
    FLAG,
    LIST,
    Context,
    Fields,
    Found,
    Reading,
    Status,
    System,
    Types,
)
from .values import describe, fields, identify, item, items, label, natural, text, uid

_UNITS_MAX: Final = 64
_BAYS_MAX: Final = 16
_READERS_MAX: Final = 64
_BAYS_A_READER: Final = 2
_MANAGER: Final[dict[str, Types]] = {"ready": FLAG, "units": LIST}
_BOARD: Final[dict[str, Types]] = {
    "current_spool": ANY,
    "f1s_hes_value": LIST,
    "hub_hes_value": LIST,
}
_READER: Final[dict[str, Types]] = {"oams": ANY, "readers": LIST}


def find(found: Found) -> System | None:
    """Return the system if OpenAMS runs without AFC.

    A version that reports no bays leaves the printer with its sensors.
    """
    if "oams_manager" not in found.objects:
        return None
    readers = [name for name in found.objects if name.partition(" ")[0] == "mfrc522"]
    readers = readers[:_READERS_MAX]
    boards = sorted(found.named("oams"), key=natural)
    others = sensors.find(found)
    return System(
        name="openams",
        wanted={
            **others.wanted,
            "oams_manager": _MANAGER,
            **{f"oams {name}": _BOARD for name in boards},
            **dict.fromkeys(readers, _READER),
        },
        decode=partial(_decode, readers, boards, others),
    )


def _decode(
    readers: Sequence[str],
    boards: Sequence[str],
    others: System,
    status: Status,
    context: Context,
) -> Reading:
    manager = status.get("oams_manager", {})
    if isinstance(manager.get("units"), list):
        return Reading(units=_units(manager, _readers(readers, status), context))
    if units := tuple(_boards(boards, status, context)):
        return Reading(units=units)
    objects = ("oams_manager", *(f"oams {name}" for name in boards))
    if context.before is not None and not context.before.direct_slots:
        # It was read before on this connection.
        return Reading(not_understood=objects)
    return replace(others.decode(status, context), not_understood=objects)


# The units of the manager.


def _units(
    manager: Fields,
    readers: Mapping[str, Mapping[int, Fields]],
    context: Context,
) -> tuple[Unit, ...]:
    units = []
    listed = [*map(fields, items(manager["units"])[:_UNITS_MAX])]
    names = [label(unit.get("name")) for unit in listed]
    for index, (unit, name) in enumerate(zip(listed, names, strict=True)):
        if unit.get("connected") is False:
            continue
        tags = readers.get(str(unit.get("id")), {})
        slots = _slots(items(unit.get("slots"))[:_BAYS_MAX], tags, context)
        units.append(
            Unit(
                ams_unit_no=index + 1,
                slots_total=len(slots),
                model="OpenAMS",
                # A unit that is added may move the numbers of others, not their names.
                serial=name if names.count(name) == 1 else None,
                label=name,
                online=manager.get("ready") is not False,
                feeding=context.printing and any(slot.active for slot in slots),
                slots=slots,
            )
        )
    return tuple(units)


def _readers(
    sources: Sequence[str], status: Status
) -> Mapping[str, Mapping[int, Fields]]:
    """Return the readers of each unit, by the number of its antenna."""
    readers: dict[str, dict[int, Fields]] = {}
    for source in sources:
        pair = status.get(source, {})
        for reader in map(fields, items(pair.get("readers"))):
            antenna = whole(reader.get("rfid_card"), 0, _BAYS_MAX)
            if antenna is not None:
                unit = str(reader.get("oams", pair.get("oams")))
                readers.setdefault(unit, {})[antenna] = reader
    return readers


def _slots(
    listed: Sequence[Any], readers: Mapping[int, Fields], context: Context
) -> tuple[Slot, ...]:
    bays: dict[int, Fields] = {}
    for position, reported in enumerate(map(fields, listed)):
        bay = whole(reported.get("bay", position), 0, _BAYS_MAX - 1)
        if bay is None or bay in bays:
            context.ignore("a bay without a valid number")
            continue
        bays[bay] = reported
    return tuple(_slot(bay, bays, readers) for bay in sorted(bays))


def _slot(bay: int, bays: Mapping[int, Fields], readers: Mapping[int, Fields]) -> Slot:
    reported = bays[bay]
    antenna = bay // _BAYS_A_READER
    filled = [
        other
        for other in bays
        if other // _BAYS_A_READER == antenna and bays[other].get("ready") is True
    ]
    # Two bays share an antenna: a tag belongs to this bay if the other one is empty.
    reader = readers.get(antenna, {}) if filled == [bay] else {}
    tag = uid(reader.get("uid")) if reader.get("present") is True else None
    filament = fields(reader.get("filament")) if tag else {}
    return Slot(
        slot_no=bay + 1,
        label=str(bay + 1),
        present=boolean(reported.get("ready")),
        reads_tags=antenna in readers,
        identifiable=antenna in readers,
        identifiers=identify(rfid_uid=tag),
        active=reported.get("loaded") is True,
        filament=describe(
            material=text(filament.get("material")) or text(filament.get("type")),
            vendor=text(filament.get("vendor")),
        ),
    )


# The boards of versions without such units.


def _boards(boards: Sequence[str], status: Status, context: Context) -> Iterator[Unit]:
    """Yield the boards that report the switches of their bays."""
    for index, name in enumerate(boards[:_UNITS_MAX]):
        board = status.get(f"oams {name}", {})
        bays = board.get("f1s_hes_value")
        if not isinstance(bays, list):
            continue
        slots = tuple(
            _bay(bay, present, board) for bay, present in enumerate(bays[:_BAYS_MAX])
        )
        yield Unit(
            ams_unit_no=index + 1,
            slots_total=len(slots),
            model="OpenAMS",
            serial=label(name),
            label=label(name),
            feeding=context.printing and any(slot.active for slot in slots),
            slots=slots,
        )


def _bay(bay: int, present: object, board: Fields) -> Slot:
    in_hub = item(board.get("hub_hes_value"), bay)
    return Slot(
        slot_no=bay + 1,
        label=str(bay + 1),
        present=_switched(present),
        identifiable=False,
        active=whole(board.get("current_spool"), 0, _BAYS_MAX) == bay
        and _switched(in_hub) is not False,
    )


def _switched(value: object) -> bool | None:
    """Return the state of a switch that is reported as 0 or 1."""
    state = whole(value, 0, 1)
    return boolean(value) if state is None else bool(state)
