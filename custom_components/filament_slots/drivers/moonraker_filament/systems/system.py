"""What a filament system is to the driver, and what its decoder is told and tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from ...snapshot import Slot, Unit

type Fields = Mapping[str, Any]
type Status = Mapping[str, Fields]
type Types = type | tuple[type, ...]

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})

# What a field may hold; anything else in it is ignored, and its last value stays.
FLAG: Final[Types] = bool
NUMBER: Final[Types] = (int, float)
TEXT: Final[Types] = str
LIST: Final[Types] = list
DICT: Final[Types] = dict
ANY: Final[Types] = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known before a system is chosen.

    objects: those Klipper has (`printer.objects.list`).
    variables: what `save_variables` holds; some systems have no other place.
    numbers: slot numbers of the bare sensors by name, added to: a name keeps its
    number for ever.
    """

    objects: Sequence[str]
    variables: Fields = NOTHING
    numbers: dict[str, int] = field(default_factory=dict)

    def named(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind: `lane1` of `AFC_lane lane1`."""
        return [
            name.removeprefix(f"{kind} ")
            for name in self.objects
            if name.startswith(f"{kind} ")
        ]

    def only(self, wanted: Mapping[str, Mapping[str, Types]]) -> Wanted:
        """Return those of the wanted objects that Klipper has."""
        return {name: kinds for name, kinds in wanted.items() if name in self.objects}


type Wanted = Mapping[str, Mapping[str, Types]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a decoder has to know besides the status of its own objects.

    printing: a print is running, or paused.
    spoolman: Moonraker has Spoolman.
    spool_id: the one active spool of Moonraker, None where there is none.
    asking: fields were asked for again and have not been answered.
    ignore: to be called with the reason for each thing that makes no sense.
    """

    printing: bool = False
    spoolman: bool = False
    spool_id: int | None = None
    asking: bool = False
    ignore: Callable[[str], None] = lambda why: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a system says is so."""

    units: tuple[Unit, ...] = ()
    direct_slots: tuple[Slot, ...] = ()


class Decode(Protocol):
    """Turns the status of a system's objects into slots; pure, and never raises."""

    def __call__(self, status: Status, around: Around) -> Reading:
        """Say what is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One source of slots.

    name: for health and diagnostics.
    last_resort: read only where nothing else is found.
    wanted: the objects and fields it reads, with what each may hold. Fields are named
    one by one: a subscription to whole objects is frozen to those they had first.
    ready: whether it has finished starting, after Klippy has (docs/protocols/moonraker.md 0.2).
    asks_again: fields to be asked for when one of `asks_again_after` changes, as
    Klippy sends no change of them (docs/protocols/moonraker.md 0.4); both of the object `asked`.
    """

    name: str
    wanted: Wanted
    decode: Decode
    last_resort: bool = False
    ready: Callable[[Status], bool] = lambda status: True
    asked: str = ""
    asks_again: tuple[str, ...] = ()
    asks_again_after: frozenset[str] = frozenset()
