"""The spools, units and printers that virtual Bambu Lab printers are made of."""

from dataclasses import dataclass, field, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A spool; one without `uuid` carries no tag.

    An untagged spool may have a `preset`, what its owner typed in on the screen.
    """

    uuid: str | None = None
    chip: str | None = None
    other_chip: str | None = None
    material: str = ""
    name: str = ""
    code: str = ""
    colour: str = "FFFFFF00"
    colour_code: str = ""
    weight: int = 0
    remain: int = -1

    def turned_over(self) -> Spool:
        """Return it with its other side to the reader, where its other chip is."""
        return replace(self, chip=self.other_chip, other_chip=self.chip)

    @property
    def external_id(self) -> str | None:
        """The identity that events carry for it."""
        return f"bambulab:{self.uuid}" if self.uuid else None


def bambu_spool(
    number: int,
    name: str = "PLA Basic",
    code: str = "GFA00",
    colour: str = "0A2CA5FF",
    remain: int = 80,
) -> Spool:
    """Return the spool of this number: the same number is the same spool."""
    return Spool(
        uuid=f"{number:08X}F1A3C5E7D9B1A3C5E7D9B1A3",
        chip=f"{0xA0000000 + number:08X}00000100",
        other_chip=f"{0xB0000000 + number:08X}00000100",
        material=name.split(maxsplit=1)[0],
        name=name,
        code=code,
        colour=colour,
        colour_code="A00-B9",
        weight=1000,
        remain=remain,
    )


PLAIN_SPOOL = Spool()
PRESET_SPOOL = Spool(material="PETG", code="GFG99", colour="00AE42FF")


class Kind(StrEnum):
    """The kinds of units; the value is the module's name in get_version."""

    AMS = "ams"
    LITE = "ams_f1"
    PRO = "n3f"
    HT = "n3s"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """How a kind of units is named on the wire."""

    type_code: int
    hardware: str
    product: str
    serial_prefix: str


KINDS = {
    Kind.AMS: KindFacts(1, "AMS08", "AMS", "006"),
    Kind.LITE: KindFacts(2, "AMS_F102", "AMS Lite", "03C"),
    Kind.PRO: KindFacts(3, "N3F05", "AMS 2 Pro", "19C"),
    Kind.HT: KindFacts(4, "N3S05", "AMS HT", "19F"),
}
A2L_LITE_TYPE = 5
A2L_LITE_ID = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What the reports of a model look like (docs/protocols/bambu.md 2, 3, 7).

    states: trays carry the bit field `state`; the small boards always say 3.
    sparse: reports carry little but what changed, and bits only when they did.
    msg: reports say whether they are full.
    full: reports claim to be full ones, all of them.
    commands: partial reports name their command.
    reduces: partial reports reduce trays whose content did not change to their state.
    omits_empty: partial reports are without the trays of empty slots.
    empty_state, fed_state: `state` of an empty slot, and of one in an extruder.
    externals: ids of the external spool holders.
    extruders: where the active slot is reported as `snow`.
    local_trays: `tray_now` is the tray within its unit.
    infos: units report `info`.
    unit_serials: units report their own serial in `ams_id`.
    reads_untagged: an attempt to read that found no tag shows as done.
    drops_bits_when_drying: bits of a drying unit go, although nothing left.
    """

    product: str
    serial: str
    states: bool
    sparse: bool
    msg: bool = True
    full: bool = False
    commands: bool = True
    reduces: bool = False
    omits_empty: bool = False
    empty_state: int = 0
    fed_state: int = 11
    externals: tuple[int, ...] = (254,)
    vir_slots: bool = False
    extruders: int = 0
    local_trays: bool = False
    infos: bool = True
    unit_serials: bool = False
    reads_untagged: bool = True
    drops_bits_when_drying: bool = False


X1C = Model(
    product="Bambu Lab X1-Carbon",
    serial="00M09A000000001",
    states=True,
    sparse=False,
    reduces=True,
    externals=(255,),
    vir_slots=True,
)
P1S = Model(
    product="Bambu Lab P1S",
    serial="01P09A000000002",
    states=False,
    sparse=True,
    unit_serials=True,
    reads_untagged=False,
)
P1P = Model(
    product="Bambu Lab P1P",
    serial="01S09A000000010",
    states=False,
    sparse=True,
    infos=False,
    reads_untagged=False,
)
A1_MINI = Model(
    product="Bambu Lab A1 mini",
    serial="0300AA000000003",
    states=False,
    sparse=True,
    unit_serials=True,
    reads_untagged=False,
)
A2L = Model(
    product="Bambu Lab A2L",
    serial="26A0AA000000004",
    states=False,
    sparse=True,
    externals=(255,),
    vir_slots=True,
    local_trays=True,
    unit_serials=True,
)
H2D = Model(
    product="Bambu Lab H2D",
    serial="09400A000000005",
    states=True,
    sparse=False,
    msg=False,
    commands=False,
    reduces=True,
    externals=(255, 254),
    vir_slots=True,
    extruders=2,
    local_trays=True,
    drops_bits_when_drying=True,
)
H2C = replace(H2D, product="Bambu Lab H2C", serial="31B00A000000006")
H2S = Model(
    product="Bambu Lab H2S",
    serial="09300A000000007",
    states=True,
    sparse=False,
    reduces=True,
    omits_empty=True,
    externals=(255,),
    vir_slots=True,
    extruders=1,
)
P2S = Model(
    product="Bambu Lab P2S",
    serial="22E00A000000008",
    states=True,
    sparse=False,
    reduces=True,
    empty_state=26,
    externals=(255,),
    vir_slots=True,
    extruders=1,
    local_trays=True,
)
X2D = Model(
    product="Bambu Lab X2D",
    serial="20P00A000000009",
    states=True,
    sparse=False,
    full=True,
    fed_state=27,
    externals=(255, 254),
    vir_slots=True,
    extruders=2,
    local_trays=True,
)


@dataclass(slots=True)
class Bay:
    """A slot: the spool in it, the state of its switch, what the printer knows of it."""

    spool: Spool | None = None
    at_feeder: bool = False
    reading: bool = False
    read_done: bool = False
    known: Spool | None = None


@dataclass(slots=True)
class Unit:
    """A unit; `id` is its address on the wire and changes with the cabling."""

    id: int
    kind: Kind
    serial: str
    bays: list[Bay] = field(default_factory=list)
    drying_minutes: int = 0
    phase: int = 0
    humidity: int = 23
    temperature: float = 25.4

    @property
    def number(self) -> int:
        """The unit's number in events: its bit in `ams_exist_bits` plus 1."""
        return self.bit + 1

    @property
    def bit(self) -> int:
        """Its bit in `ams_exist_bits` (docs/protocols/bambu.md 3.2)."""
        if self.id >= 128:
            return 4 + self.id - 128
        return 12 if self.id == A2L_LITE_ID else self.id

    def slot_bit(self, tray: int) -> int:
        """The bit of a slot in the other bit fields."""
        if self.id >= 128:
            return 16 + self.id - 128
        return (24 if self.id == A2L_LITE_ID else self.id * 4) + tray
