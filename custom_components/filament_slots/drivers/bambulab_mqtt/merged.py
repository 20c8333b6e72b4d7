"""The state of a printer as merged from its reports: what its slots depend on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Any, Final

from ...model import NO_IDENTIFIERS, Filament, Identifiers
from .filament import FILAMENT_KEYS, SLOT_INFO_SET
from .layout import PLACES, Place

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
HOLDERS = EXTERNAL_RIGHT, EXTERNAL_LEFT = 255, 254


@dataclass(frozen=True, slots=True)
class Tray:
    """One tray.

    last: its last object, raw.
    content: its last full object, raw, with the partial ones since added.
    """

    last: Mapping[str, Any] = NOTHING
    content: Mapping[str, Any] = NOTHING
    state: int | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    filament: Filament | None = None

    @property
    def omitted(self) -> bool:
        """Whether the printer has information about the slot, but did not send it."""
        has_information = bool((self.state or 0) & SLOT_INFO_SET)
        return has_information and FILAMENT_KEYS.isdisjoint(self.content)


@dataclass(frozen=True, slots=True)
class WireUnit:
    """One unit, with its values as it sends them (docs/protocols/bambu.md 3.3).

    info: the bit field with its type and whether it dries.
    humidity: in %; 0 where there is no sensor.
    humidity_level: from 1 (wet) to 5 (dry).
    celsius: 0 where there is no sensor.
    dry_minutes: minutes of drying that are left.
    serial: reported by the unit itself in `ams_id`, which is no address.
    """

    info: int | None = None
    humidity: float | None = None
    humidity_level: int | None = None
    celsius: float | None = None
    dry_minutes: int | None = None
    serial: str | None = None
    trays: Mapping[int, Tray] = NOTHING

    @property
    def drying(self) -> bool:
        """Whether it dries, or still holds the filament back after it did.

        See docs/protocols/bambu.md P2.
        """
        return bool(self.dry_minutes) or bool((self.info or 0) >> 4 & 0xF)


@dataclass(frozen=True, slots=True)
class Before:
    """The counter of changes that was reported last, and `Merged.content` then.

    content: only its last part where the rest was not known: before the units were listed,
    and after a report that was not believed.
    """

    version: int
    content: tuple[int | None, ...]

    def differs_from(self, content: tuple[int | None, ...]) -> bool:
        """Whether it lacks a change that `version` counts.

        It does not count that an empty slot has lost its name.
        """
        if len(self.content) < 3:
            return False
        exist, read_done, nameless = self.content
        filled = -1 if exist is None else exist
        named_otherwise = ((nameless or 0) ^ (content[2] or 0)) & filled
        return (exist, read_done) != content[:2] or bool(named_otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The values of the reports so far.

    complete: units were listed, or the printer lists none and reported its holders.
    contradictory: the reports contradict each other; a full report resolves it.
    shutting_down: the printer reported that everything is gone, as it does when it
    shuts down; all other values are from before.
    lists_units: the printer reports units at all.
    reads_on_start: the printer reads all tags when it is switched on; a setting.
    version: its counter of changes, which only falls when the printer restarts.
    before: what was known at the end of the connection before; None at the first.
    phases: bits 28-29 of each unit's `info`, which go from 1 to 2 when it restarts.
    standing_bits: the slots whose read_done bit may stand since before a restart,
    since before its unit was away, or since before a report that was not believed.
    left: the external ids by which slots that were empty or not read yet were named at
    the end of the connection before, by their bit; of those not filled and read since.
    nameless: the slots without a name at the end of the connection before, or before a
    report that was not believed, a bit each.
    names_known: False from a report that was not believed until the slots are named again.
    announced: the units that were listed before their bit, which makes them connected.
    snow: what each extruder holds, `unit id << 8 | tray` (docs/protocols/bambu.md 3.6).
    holder: the external holder of printers that have one (vt_tray).
    holders: the external holders by id (vir_slot); used instead of `holder`.
    unreadable, ran_out: the slots that health messages name (docs/protocols/bambu.md P21).
    """

    complete: bool = False
    contradictory: bool = False
    shutting_down: bool = False
    lists_units: bool = False
    unit_bits: int | None = None
    exist_bits: int | None = None
    reading_bits: int | None = None
    read_done_bits: int | None = None
    tray_now: int | None = None
    reads_on_insert: bool = True
    reads_on_start: bool = True
    version: int | None = None
    before: Before | None = None
    phases: Mapping[int, int] = NOTHING
    standing_bits: int = 0
    left: Mapping[int, str] = NOTHING
    nameless: int = 0
    names_known: bool = True
    units: Mapping[int, WireUnit] = NOTHING
    announced: Mapping[int, WireUnit] = NOTHING
    holder: Mapping[str, Any] | None = None
    holders: Mapping[int, Mapping[str, Any]] = NOTHING
    extruder_state: int = 0
    snow: Mapping[int, int] = NOTHING
    gcode_state: str = ""
    unreadable: frozenset[tuple[int, int]] = frozenset()
    ran_out: frozenset[tuple[int, int]] = frozenset()

    @property
    def connected(self) -> Mapping[int, WireUnit]:
        """The units that are connected now; they may return in another order."""
        return NOTHING if self.shutting_down else self.units

    def present(self, unit_id: int, number: int) -> bool | None:
        """Return whether there is filament at the feeder of a slot; None: not known.

        The bits decide, `state` only where they were never sent
        (docs/protocols/bambu.md 3.5).
        """
        there = flag(self.exist_bits, PLACES[unit_id], number)
        if there is None:
            tray = self.units[unit_id].trays.get(number)
            state = tray.state if tray else None
            there = None if state is None else bool(state & 1)
        return there

    @property
    def memory(self) -> Mapping[str, Any]:
        """What `remembered` takes: from which a restart of the printer is known."""
        known = self.before
        if self.version is not None:
            content = self.content if self._names_sure else (self.nameless_later,)
            known = Before(self.version, content)
        return {
            "version": known and known.version,
            "content": known and list(known.content),
            "phases": {str(unit_id): phase for unit_id, phase in self.phases.items()},
            "standing_bits": self._standing_bits_later,
            "left": {str(bit): name for bit, name in self.left_later.items()},
            "reads_on_start": self.reads_on_start,
        }

    @property
    def only_holders(self) -> bool:
        """Whether the printer reports external holders and no units."""
        holds = self.holder is not None or bool(self.holders)
        return holds and not self.lists_units

    @property
    def _names_sure(self) -> bool:
        """Whether the names of the slots are known, and not those before."""
        return self.complete and self.names_known

    @property
    def left_later(self) -> Mapping[int, str]:
        """What empty slots are named by, and those that were filled since and not read."""
        read = -1 if self.read_done_bits is None else self.read_done_bits
        read &= -1 if self.exist_bits is None else self.exist_bits
        read &= ~(self.reading_bits or 0)
        names = {
            bit: name
            for bit, tray in self._trays()
            if (name := tray.identifiers.external_id) is not None
            and (not read >> bit & 1 or self.not_renamed(bit, tray))
        }
        return names if self._names_sure else {**self.left, **names}

    @property
    def nameless_later(self) -> int:
        """The slots without a name, or those before a report that was not believed."""
        return self.listed(named=False) if self._names_sure else self.nameless

    @property
    def left_unread(self) -> Mapping[int, str]:
        """`left` without the slots that were filled since, and read on this connection."""
        read = (self.exist_bits or 0) & (self.read_done_bits or 0)
        read &= ~(self.standing_bits | (self.reading_bits or 0))
        return {bit: name for bit, name in self.left.items() if not read >> bit & 1}

    @property
    def named_again(self) -> bool:
        """Whether a slot is named, and no name of another one is omitted.

        A partial report names only what has changed (docs/protocols/bambu.md 2).
        """
        omitted = any(tray.omitted for _, tray in self._trays())
        return bool(self.listed(named=True)) and not omitted

    def not_renamed(self, bit: int, tray: Tray) -> bool:
        """Whether a slot is named as when it was empty, and was not read since."""
        return (
            bool(self.standing_bits >> bit & 1)
            and bit in self.left
            and self.left[bit] == tray.identifiers.external_id
        )

    @property
    def _standing_bits_later(self) -> int:
        """What stands on the next connection: nothing of an empty slot with a name.

        One without a name may have lost its filament only for a moment. A unit that is
        away then, and is not read when it returns, stands as well; and all after a report
        that was not believed, as the printer may have been shut down.
        """
        if self.shutting_down:
            return -1
        filled = -1 if self.exist_bits is None else self.exist_bits
        read_then = self.reads_on_start or not self.complete
        away = 0 if read_then else ~slot_bits(self.units)
        return self.standing_bits & (filled | self.listed(named=False)) | away

    @property
    def content(self) -> tuple[int | None, ...]:
        """Which slots are filled, read and nameless, a bit each; `version` counts changes."""
        return self.exist_bits, self.read_done_bits, self.listed(named=False)

    def listed(self, *, named: bool) -> int:
        """Return the slots that are listed with a name, or without one, a bit each."""
        return sum(
            1 << bit for bit, tray in self._trays() if tray.identifiers.known is named
        )

    def _trays(self) -> Iterator[tuple[int, Tray]]:
        """Yield the bit and the tray of each slot that is listed."""
        for unit_id, unit in self.units.items():
            first = PLACES[unit_id].slot_bit
            for number, tray in unit.trays.items():
                yield first + number, tray


def remembered(memory: Mapping[str, Any]) -> Merged:
    """Return the state before the first report, by the memory of the one before."""
    match memory:
        case {
            "version": int(version),
            "content": [] | [_] | [_, _, _] as content,
            "phases": dict(phases),
            "standing_bits": int(standing),
            "left": dict(left),
        }:
            return Merged(
                before=Before(version, tuple(content)),
                phases={
                    int(unit_id): phase
                    for unit_id, phase in phases.items()
                    if unit_id.isdecimal()
                },
                standing_bits=standing,
                left={int(bit): name for bit, name in left.items() if bit.isdecimal()},
                reads_on_start=memory.get("reads_on_start") is not False,
                nameless=content[-1] or 0 if content else 0,
            )
    return Merged()


def slot_bits(unit_ids: Iterable[int]) -> int:
    """Return the bits of all slots of these units."""
    return reduce(or_, (PLACES[unit_id].slot_bits for unit_id in unit_ids), 0)


def flag(field: int | None, place: Place, number: int) -> bool | None:
    """Return the bit of a slot; None where the field was never sent."""
    return None if field is None else bool(field >> place.slot_bit + number & 1)
