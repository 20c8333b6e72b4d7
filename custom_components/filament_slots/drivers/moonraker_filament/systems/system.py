"""The contract between the driver and the filament systems it can read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from ...snapshot import Slot, Snapshot, Unit

type Fields = Mapping[str, Any]
type Status = Mapping[str, Fields]
type Types = type | tuple[type, ...]

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})

# The type of a field. A value of another type is ignored, and the last value stays.
FLAG: Final[Types] = bool
NUMBER: Final[Types] = (int, float)
TEXT: Final[Types] = str
LIST: Final[Types] = list
DICT: Final[Types] = dict
ANY: Final[Types] = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known about a printer before a system is chosen.

    objects: the objects that Klipper has (`printer.objects.list`).
    variables: the content of `save_variables`, the only place of some systems.
    numbers: the slot numbers of bare sensors and tools by name. New names are added,
    and a name keeps its number permanently.
    """

    objects: Sequence[str]
    variables: Fields = NOTHING
    numbers: dict[str, int] = field(default_factory=dict)

    def named(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind: `x` of `filament_switch_sensor x`."""
        return [
            name.removeprefix(f"{kind} ")
            for name in self.objects
            if name.startswith(f"{kind} ")
        ]

    def only(self, wanted: Mapping[str, Mapping[str, Types]]) -> Wanted:
        """Return the wanted objects that Klipper has."""
        objects = set(self.objects)
        return {name: kinds for name, kinds in wanted.items() if name in objects}


type Wanted = Mapping[str, Mapping[str, Types]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a system's decoder needs besides the status of its own objects.

    printing: a print is running, or paused.
    paused: a print is paused.
    before: the snapshot before this one on the same connection.
    spoolman: Moonraker has Spoolman.
    spool_id: the active spool of Moonraker, None if there is none.
    asking: fields were requested again, and the answer has not arrived yet.
    ignore: called with the reason for each value that is not used.
    """

    printing: bool = False
    paused: bool = False
    before: Snapshot | None = None
    spoolman: bool = False
    spool_id: int | None = None
    asking: bool = False
    ignore: Callable[[str], None] = lambda why: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The slots that a system reports.

    not_understood: objects of a changer that report nothing that can be read; shown in
    health.
    """

    units: tuple[Unit, ...] = ()
    direct_slots: tuple[Slot, ...] = ()
    not_understood: tuple[str, ...] = ()


def unanswered(system: System, status: Status) -> tuple[str, ...]:
    """Return the objects that a system reads and that report no field."""
    return tuple(
        name
        for name in system.wanted
        if all(value is None for value in status.get(name, {}).values())
    )


class Decode(Protocol):
    """Turns the status of a system's objects into slots; pure, and never raises."""

    def __call__(self, status: Status, context: Context) -> Reading:
        """Return the slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One source of slots.

    name: for health and diagnostics.
    last_resort: read only if no other system is found.
    left_out: how many sensors have no slot, as there are too many.
    wanted: the objects and fields it reads, with their types. Fields are listed one
    by one: a subscription to a whole object covers only the fields it had at the time.
    ready: whether it has finished starting, after Klippy has (docs/protocols/moonraker.md 0.2).
    asks_again: fields of the object `asked` to request when one of `asks_again_after`
    changes, as Klippy sends no changes of them (docs/protocols/moonraker.md 0.4).
    """

    name: str
    wanted: Wanted
    decode: Decode
    last_resort: bool = False
    left_out: int = 0
    ready: Callable[[Status], bool] = lambda status: True
    asked: str = ""
    asks_again: tuple[str, ...] = ()
    asks_again_after: frozenset[str] = frozenset()
