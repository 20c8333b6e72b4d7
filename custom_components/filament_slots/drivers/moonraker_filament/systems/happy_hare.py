"""Happy Hare, versions 3 and 4 (docs/protocols/moonraker.md 3.1, 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ....model import Filament
from ...numbers import number, whole
from ...snapshot import Slot, Unit
from .system import (
    ANY,
    DICT,
    FLAG,
    LIST,
    NUMBER,
    TEXT,
    Context,
    Fields,
    Found,
    Reading,
    Status,
    System,
)
from .values import (
    colour,
    describe,
    fields,
    identify,
    item,
    items,
    label,
    spoolman,
    text,
    uid,
)

_UNITS_MAX: Final = 16
_GATES_MAX: Final = 128
_LOADED: Final = 10
_UNKNOWN, _EMPTY = -1, 0
_GATE_MAP: Final = (
    "gate_status",
    "gate_spool_id",
    "gate_filament_name",
    "gate_material",
    "gate_color",
    "gate_color_rgb",
    "gate_temperature",
    "gate_vendor",
    "gate_spool_rfid",
)
_MMU: Final = {
    **dict.fromkeys(_GATE_MAP, LIST),
    "nfc": LIST,
    "gate": NUMBER,
    "filament_pos": NUMBER,
    "num_gates": NUMBER,
    "action": TEXT,
    "print_state": TEXT,
    "spoolman_support": TEXT,
    "pending_spool_id": ANY,
}
_MACHINE: Final = {
    "num_units": NUMBER,
    **{f"unit_{number}": DICT for number in range(_UNITS_MAX)},
}
# While booting it reports its last gates and its initial state.
_BOOTING: Final = frozenset({"", "boot", "ready", "unknown"})


@dataclass(frozen=True, slots=True)
class _Layout:
    """The gates of a unit; gates are numbered across all units."""

    number: int
    first_gate: int
    gates: int
    label: str | None = None
    vendor: str | None = None


def find(found: Found) -> System | None:
    """Return the system if Happy Hare is installed."""
    if "mmu" not in found.objects:
        return None
    inlets = {
        int(gate): f"filament_switch_sensor {name}"
        for name in found.named("filament_switch_sensor")
        for prefix in ("mmu_pre_gate_", "mmu_entry_")
        if (gate := name.removeprefix(prefix)) != name
        and gate.isascii()
        and gate.isdecimal()
    }
    return System(
        name="happy_hare",
        wanted=found.only(
            {
                "mmu": _MMU,
                "mmu_machine": _MACHINE,
                **{name: {"filament_detected": FLAG} for name in inlets.values()},
            }
        ),
        decode=partial(_decode, inlets),
        ready=_ready,
        asked="mmu",
        asks_again=_GATE_MAP,
        asks_again_after=frozenset({"gate_status", "pending_spool_id"}),
    )


def _ready(status: Status) -> bool:
    state = status.get("mmu", {}).get("print_state")
    return isinstance(state, str) and state.lower() not in _BOOTING


def _decode(inlets: Mapping[int, str], status: Status, context: Context) -> Reading:
    mmu = status.get("mmu", {})
    selected = whole(mmu.get("gate"), 0, _GATES_MAX)
    loaded = whole(mmu.get("filament_pos"), -1, 100) == _LOADED
    busy = text(mmu.get("action")) not in (None, "Idle")
    readers = _readers(mmu)
    spools = text(mmu.get("spoolman_support")) not in (None, "off")
    units = []
    layout = _layout(status, context)
    labels = [unit.label for unit in layout]
    for unit in layout:
        gates = range(unit.first_gate, unit.first_gate + unit.gates)
        units.append(
            Unit(
                ams_unit_no=unit.number,
                # Units of one kind may have the same name.
                serial=unit.label if labels.count(unit.label) == 1 else None,
                slots_total=unit.gates,
                model=unit.vendor,
                label=unit.label,
                feeding=context.printing and loaded and selected in gates,
                loading=busy or context.asking,
                slots=tuple(
                    _slot(
                        mmu,
                        gate,
                        slot_no=gate - unit.first_gate + 1,
                        busy=busy,
                        inlet=status.get(inlets.get(gate, ""), {}).get(
                            "filament_detected"
                        ),
                        reader=readers.get(gate),
                        spools=spools,
                        active=loaded and gate == selected,
                        context=context,
                    )
                    for gate in gates
                ),
            )
        )
    return Reading(units=tuple(units))


def _layout(status: Status, context: Context) -> list[_Layout]:
    """Return the units; one unit with all gates where the machine reports none."""
    machine, mmu = status.get("mmu_machine", {}), status.get("mmu", {})
    layout: list[_Layout] = []
    for index in range(_UNITS_MAX):
        unit = fields(machine.get(f"unit_{index}"))
        gates = whole(unit.get("num_gates"), 1, _GATES_MAX)
        after = layout[-1].first_gate + layout[-1].gates if layout else 0
        first = whole(unit.get("first_gate", after), 0, _GATES_MAX)
        # Gates are numbered across all units, in their order.
        if (
            gates is None
            or first is None
            or first < after
            or first + gates > _GATES_MAX
        ):
            if unit:
                context.ignore("a unit without gates")
            continue
        layout.append(
            _Layout(
                index + 1,
                first,
                gates,
                label(unit.get("display_name")) or label(unit.get("name")),
                label(unit.get("vendor")),
            )
        )
    if layout:
        return layout
    gates = whole(mmu.get("num_gates"), 1, _GATES_MAX) or min(
        len(items(mmu.get("gate_status"))), _GATES_MAX
    )
    return [_Layout(1, 0, gates)] if gates else []


def _slot(
    mmu: Fields,
    gate: int,
    *,
    slot_no: int,
    busy: bool,
    inlet: bool | None,
    reader: Fields | None,
    spools: bool,
    active: bool,
    context: Context,
) -> Slot:
    external = spoolman(item(mmu.get("gate_spool_id"), gate))
    tag = uid(item(mmu.get("gate_spool_rfid"), gate)) or _read_now(reader)
    reads = reader is not None and reader.get("enabled") is not False
    return Slot(
        slot_no=slot_no,
        label=f"Gate {gate}",
        present=_present(
            item(mmu.get("gate_status"), gate), context, unsettled=busy or inlet is True
        ),
        inlet=inlet,
        reads_tags=reads,
        identifiable=spools or reads or external is not None or tag is not None,
        identifiers=identify(rfid_uid=tag, external_id=external),
        external_assigned=True,
        active=active,
        filament=_filament(mmu, gate),
    )


def _present(status: object, context: Context, *, unsettled: bool) -> bool | None:
    """Return the presence; None if unknown, or if empty while that is unsettled.

    It is unsettled while the changer is busy, and while the switch in front of the gate
    detects filament: a gate is marked empty when that switch opens for an instant, and
    when a preload fails (docs/protocols/moonraker.md 10).
    """
    available = whole(status, -1, 2)
    if available is None and status is not None:
        context.ignore("an invalid gate status")
    if (
        available is None
        or available == _UNKNOWN
        or (available == _EMPTY and unsettled)
    ):
        return None
    return available != _EMPTY


def _readers(mmu: Fields) -> dict[int, Fields]:
    """Return the readers of single gates; their keys are gate numbers, as text."""
    readers: dict[int, Fields] = {}
    for unit in items(mmu.get("nfc")):
        for gate, reader in fields(fields(unit).get("gates")).items():
            known = whole(gate, 0, _GATES_MAX)
            if known is not None and isinstance(reader, dict):
                readers[known] = reader
    return readers


def _read_now(reader: Fields | None) -> str | None:
    """Return the tag at a reader; the reader keeps the id of a tag that has left."""
    if reader is None or reader.get("present") is not True:
        return None
    return uid(reader.get("uid"))


def _filament(mmu: Fields, gate: int) -> Filament | None:
    reported: dict[str, Any] = {
        name: item(mmu.get(f"gate_{name}"), gate)
        for name in (
            "filament_name",
            "material",
            "color",
            "color_rgb",
            "vendor",
            "temperature",
        )
    }
    nozzle = number(reported["temperature"], 1, 1000)
    return describe(
        name=text(reported["filament_name"], 128),
        material=text(reported["material"]),
        color_hex=_colour(reported["color"], reported["color_rgb"]),
        vendor=text(reported["vendor"]),
        nozzle_min_c=nozzle,
        nozzle_max_c=nozzle,
    )


def _colour(color: object, rgb: object) -> str | None:
    """Return a colour; for a named web colour, from its RGB values."""
    if text(color) is None:
        return None
    parts = [number(part, 0, 1) for part in items(rgb)]
    return colour(color) or colour(
        [round(part * 255) for part in parts if part is not None]
    )
