"""What happens at virtual Bambu Lab printers, and the events that must come of it.

A scenario is a printer and a row of acts. Beside each act stand the events that must
come of it, in their order: no more, no fewer, `ams_state` apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .bambu_hardware import Steps, VirtualBambu
from .bambu_models import (
    A1_MINI,
    A2L,
    H2D,
    P1S,
    PLAIN_SPOOL,
    PRESET_SPOOL,
    X1C,
    Kind,
    Spool,
    bambu_spool,
)

# A change is settled by then: 8 s for a removal, 2.5 s for an insertion, and a read.
SETTLED = 12.0
# An untagged spool is called unknown after 60 s where the printer never reports that
# it has finished reading.
UNKNOWN_BY_TIME = 75.0
# A unit must lie still for 10 min after drying before a spool is called taken.
STILL_AFTER_DRYING = 620.0

BLUE = bambu_spool(1)
RED = bambu_spool(2, "PETG HF", "GFG02", "D6001CFF")
GREEN = bambu_spool(3, "PLA Matte", "GFA01", "61C680FF", 55)
BLACK = bambu_spool(4, "ABS", "GFB00", "000000FF", 12)
WHITE = bambu_spool(5, "PLA Basic", "GFA00", "FFFFFFFF", 100)


@dataclass(frozen=True, slots=True)
class Expected:
    """An event; late when it was detected only after a gap."""

    event_type: str
    unit: int
    slot: int
    external_id: str | None = None
    late: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to the printer, and the pause after it."""

    title: str
    do: Callable[[VirtualBambu], Steps]
    expects: tuple[Expected, ...] = ()
    rest: float = SETTLED


@dataclass(frozen=True, slots=True)
class Scenario:
    """A printer as it is at the start, and what happens to it."""

    name: str
    title: str
    build: Callable[[], VirtualBambu]
    acts: tuple[Act, ...]


def inserted(unit: int, slot: int, spool: Spool, late: bool = False) -> Expected:
    """Expect this spool to be inserted."""
    return Expected("spool_inserted", unit, slot, spool.external_id, late)


def removed(
    unit: int, slot: int, spool: Spool, late: bool = False, reason: str | None = None
) -> Expected:
    """Expect this spool to be removed."""
    return Expected("spool_removed", unit, slot, spool.external_id, late, reason)


def unknown(unit: int, slot: int) -> Expected:
    """Expect a spool that cannot be identified."""
    return Expected("unknown_spool_detected", unit, slot)


def x1c() -> VirtualBambu:
    """An X1C with an AMS, an AMS 2 Pro and an AMS HT."""
    printer = VirtualBambu(X1C)
    printer.add_unit(Kind.AMS, 0, BLUE, RED, None, PRESET_SPOOL)
    printer.add_unit(Kind.PRO, 1, GREEN)
    printer.add_unit(Kind.HT, 128)
    return printer


def two_ams() -> VirtualBambu:
    """An X1C with two AMS."""
    printer = VirtualBambu(X1C)
    printer.add_unit(Kind.AMS, 0, BLUE, RED)
    printer.add_unit(Kind.AMS, 1, GREEN)
    return printer


def p1s() -> VirtualBambu:
    """A P1S with an AMS."""
    printer = VirtualBambu(P1S)
    printer.add_unit(Kind.AMS, 0, BLUE, RED)
    return printer


def a1_mini() -> VirtualBambu:
    """An A1 mini with an AMS Lite."""
    printer = VirtualBambu(A1_MINI)
    printer.add_unit(Kind.LITE, 0, BLUE, None, PRESET_SPOOL)
    return printer


def a2l() -> VirtualBambu:
    """An A2L, whose AMS Lite has an address of its own."""
    printer = VirtualBambu(A2L)
    printer.add_unit(Kind.LITE, 16, BLUE)
    return printer


def h2d() -> VirtualBambu:
    """An H2D with an AMS 2 Pro, an AMS HT and two external holders."""
    printer = VirtualBambu(H2D)
    printer.add_unit(Kind.PRO, 0, BLUE, RED)
    printer.add_unit(Kind.HT, 128, BLACK)
    return printer


def _recable(printer: VirtualBambu) -> Steps:
    """Connect the first two units again, the other way round."""
    first, second = printer.units[1], printer.units[2]
    yield from printer.unplug(1, 2)
    first.id, second.id = 1, 0
    for number, (delay, report) in enumerate(printer.plug(second, first)):
        yield delay + (20.0 if number == 0 else 0.0), report


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "demo",
            "X1C with three units: spools come and go",
            x1c,
            (
                Act(
                    "A tagged spool goes into A3",
                    lambda printer: printer.insert(1, 3, WHITE),
                    (inserted(1, 3, WHITE),),
                ),
                Act(
                    "The spool in A1 is taken out",
                    lambda printer: printer.remove(1, 1),
                    (removed(1, 1, BLUE),),
                ),
                Act(
                    "A spool without a tag goes into HT-A",
                    lambda printer: printer.insert(5, 1, PLAIN_SPOOL),
                    (inserted(5, 1, PLAIN_SPOOL), unknown(5, 1)),
                ),
                Act(
                    "The feeder of A2 loses the filament for a second",
                    lambda printer: printer.flicker(1, 2),
                ),
                Act(
                    "The tagged spool in B1 is quickly changed for another",
                    lambda printer: printer.swap(2, 1, BLACK),
                    (removed(2, 1, GREEN), inserted(2, 1, BLACK)),
                ),
            ),
        ),
        Scenario(
            "x1c",
            "X1C with mixed units: every everyday change",
            x1c,
            (
                Act(
                    "A tagged spool goes into B2",
                    lambda printer: printer.insert(2, 2, WHITE),
                    (inserted(2, 2, WHITE),),
                ),
                Act(
                    "The spool in B2 is taken out",
                    lambda printer: printer.remove(2, 2),
                    (removed(2, 2, WHITE),),
                ),
                Act(
                    "The tagged spool in A1 is changed for an untagged one",
                    lambda printer: printer.swap(1, 1, PLAIN_SPOOL),
                    (
                        removed(1, 1, BLUE),
                        inserted(1, 1, PLAIN_SPOOL),
                        unknown(1, 1),
                    ),
                ),
                Act(
                    "A user enters on the screen what it is",
                    lambda printer: printer.set_preset(1, 1, PRESET_SPOOL),
                ),
                Act(
                    "The spool in A2 is turned over, and its other chip is read",
                    lambda printer: printer.swap(1, 2, RED.turned_over()),
                ),
                Act(
                    "A tagged spool goes into HT-A",
                    lambda printer: printer.insert(5, 1, BLACK),
                    (inserted(5, 1, BLACK),),
                ),
                Act(
                    "It is taken out; the HT goes on naming it",
                    lambda printer: printer.remove(5, 1),
                    (removed(5, 1, BLACK),),
                ),
            ),
        ),
        Scenario(
            "p1s",
            "P1S with an AMS: a printer that reports as little as it can",
            p1s,
            (
                Act(
                    "A tagged spool goes into A3",
                    lambda printer: printer.insert(1, 3, WHITE),
                    (inserted(1, 3, WHITE),),
                ),
                Act(
                    "A spool without a tag goes into A4",
                    lambda printer: printer.insert(1, 4, PLAIN_SPOOL),
                    (inserted(1, 4, PLAIN_SPOOL), unknown(1, 4)),
                    UNKNOWN_BY_TIME,
                ),
                Act(
                    "The printer is switched off and on and reads all tags again",
                    lambda printer: printer.power_cycle(),
                ),
                Act(
                    "The spool in A2 is taken out",
                    lambda printer: printer.remove(1, 2),
                    (removed(1, 2, RED),),
                ),
                Act(
                    "Reading on insertion is switched off",
                    lambda printer: printer.set_reading(False),
                ),
                Act(
                    "A tagged spool goes into A2, and is not read",
                    lambda printer: printer.insert(1, 2, GREEN),
                    (inserted(1, 2, PLAIN_SPOOL), unknown(1, 2)),
                ),
            ),
        ),
        Scenario(
            "a1_mini",
            "A1 mini with an AMS Lite",
            a1_mini,
            (
                Act(
                    "A tagged spool goes into A2",
                    lambda printer: printer.insert(1, 2, GREEN),
                    (inserted(1, 2, GREEN),),
                ),
                Act(
                    "The untagged spool in A3 is taken out",
                    lambda printer: printer.remove(1, 3),
                    (removed(1, 3, PRESET_SPOOL),),
                ),
                Act(
                    "A user enters the filament on the external holder",
                    lambda printer: printer.set_external(254, PRESET_SPOOL),
                ),
            ),
        ),
        Scenario(
            "a2l",
            "A2L with its AMS Lite at an address of its own",
            a2l,
            (
                Act(
                    "A tagged spool goes into A2",
                    lambda printer: printer.insert(13, 2, RED),
                    (inserted(13, 2, RED),),
                ),
                Act(
                    "The spool in A1 is taken out",
                    lambda printer: printer.remove(13, 1),
                    (removed(13, 1, BLUE),),
                ),
            ),
        ),
        Scenario(
            "h2d",
            "H2D with two external holders and an AMS HT",
            h2d,
            (
                Act(
                    "A tagged spool goes into A3",
                    lambda printer: printer.insert(1, 3, GREEN),
                    (inserted(1, 3, GREEN),),
                ),
                Act(
                    "A user enters the filament on the left holder",
                    lambda printer: printer.set_external(254, PRESET_SPOOL),
                ),
                Act(
                    "A user enters the filament on the right holder",
                    lambda printer: printer.set_external(255, PRESET_SPOOL),
                ),
                Act(
                    "The spool in HT-A is taken out",
                    lambda printer: printer.remove(5, 1),
                    (removed(5, 1, BLACK),),
                ),
            ),
        ),
        Scenario(
            "drying",
            "H2D dries twice: once nothing leaves, once a spool does",
            h2d,
            (
                Act("The AMS dries", lambda printer: printer.start_drying(1), rest=120),
                Act("Drying ends", lambda printer: printer.end_drying(1), rest=120),
                Act("The AMS dries", lambda printer: printer.start_drying(1), rest=120),
                Act(
                    "The spool in A2 is lifted out meanwhile",
                    lambda printer: printer.take_out(1, 2),
                ),
                Act(
                    "Drying ends; only A1 is fed again",
                    lambda printer: printer.end_drying(1),
                    (removed(1, 2, RED, late=True),),
                    STILL_AFTER_DRYING,
                ),
            ),
        ),
        Scenario(
            "drying_kept",
            "X1C: an AMS 2 Pro dries without pulling its filament back",
            x1c,
            (
                Act(
                    "A spool is put into B2",
                    lambda printer: printer.insert(2, 2, WHITE),
                    (inserted(2, 2, WHITE),),
                ),
                Act("The AMS dries", lambda printer: printer.start_drying(2), rest=120),
                Act(
                    "The spool in B1 is taken out",
                    lambda printer: printer.remove(2, 1),
                    (removed(2, 1, GREEN),),
                    rest=70,
                ),
                Act("Drying ends", lambda printer: printer.end_drying(2), rest=120),
            ),
        ),
        Scenario(
            "recabling",
            "X1C: two units are unplugged and come back in another order",
            x1c,
            (
                Act("The units swap their cables", _recable, rest=60),
                Act(
                    "The spool that was A1 and is now B1 is taken out",
                    lambda printer: printer.remove(2, 1),
                    (removed(2, 1, BLUE),),
                ),
            ),
        ),
        Scenario(
            "recabling-all",
            "X1C: all of its units are unplugged and come back in another order",
            two_ams,
            (
                Act("The units swap their cables", _recable, rest=60),
                Act(
                    "The spool that was B1 and is now A1 is taken out",
                    lambda printer: printer.remove(1, 1),
                    (removed(1, 1, GREEN),),
                ),
            ),
        ),
        Scenario(
            "printing",
            "X1C: a spool is inserted during a print, and one runs out",
            x1c,
            (
                Act(
                    "A print starts from A1", lambda printer: printer.start_print(1, 1)
                ),
                Act(
                    "A tagged spool goes into A3, where it cannot be read now",
                    lambda printer: printer.insert(1, 3, WHITE),
                    (inserted(1, 3, PLAIN_SPOOL),),
                    90,
                ),
                Act(
                    "A1 runs out, A2 takes over",
                    lambda printer: printer.run_out(1, 1, 2),
                    (removed(1, 1, BLUE, reason="runout"),),
                ),
                Act(
                    "The print ends and the spool in A3 is read",
                    lambda printer: printer.end_print(),
                    rest=90,
                ),
            ),
        ),
    )
}
