"""How a virtual Bambu Lab printer looks on the wire (docs/protocols/bambu.md 3 and 6)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .bambu_models import (
    A2L_LITE_ID,
    A2L_LITE_TYPE,
    KINDS,
    Bay,
    Kind,
    Model,
    Spool,
    Unit,
)

if TYPE_CHECKING:
    from .bambu_hardware import VirtualBambu

type Report = dict[str, Any]

NO_TAG = "0" * 16
NO_UUID = "0" * 32
NO_EXTRUDER_SLOT = 0xFFFF
FILLED, INFORMATION_SET = 1, 2


def versions(printer: VirtualBambu, sequence_id: str) -> Report:
    """Return the answer to get_version."""
    modules = [
        {
            "name": "ota",
            "sn": printer.serial,
            "sw_ver": "01.09.00.01",
            "hw_ver": "OTA",
            "product_name": printer.model.product,
        }
    ]
    for unit in printer.units.values():
        facts = KINDS[unit.kind]
        modules.append(
            {
                "name": f"{unit.kind}/{unit.id}",
                "sn": unit.serial,
                "sw_ver": "03.00.21.29",
                "hw_ver": facts.hardware,
                "product_name": f"{facts.product} ({unit.id % 128 + 1})",
            }
        )
    return {
        "info": {
            "command": "get_version",
            "sequence_id": sequence_id,
            "module": modules,
        }
    }


def bits(printer: VirtualBambu) -> Report:
    """Return the values of `ams` beside its units: bit fields, active slot, settings."""
    exist = present = known = read = reading = 0
    for unit in printer.units.values():
        exist |= 1 << unit.bit
        for tray, bay in enumerate(unit.bays):
            bit = 1 << unit.slot_bit(tray)
            present |= bit if bay.at_feeder else 0
            known |= bit if bay.at_feeder and bay.known else 0
            read |= bit if bay.at_feeder and bay.read_done else 0
            reading |= bit if bay.reading else 0
    return {
        "ams_exist_bits": f"{exist:x}",
        "tray_exist_bits": f"{present:x}",
        "tray_is_bbl_bits": f"{known:x}",
        "tray_read_done_bits": f"{read:x}",
        "tray_reading_bits": f"{reading:x}",
        "tray_now": _tray_now(printer),
        "insert_flag": printer.insert_flag,
        "power_on_flag": printer.power_on_flag,
        "version": printer.version,
    }


def _tray_now(printer: VirtualBambu) -> str:
    if printer.active is None:
        return "255"
    if printer.active[0] in printer.presets:
        return "254"
    unit, slot = printer.units[printer.active[0]], printer.active[1]
    if printer.model.local_trays:
        return str(slot - 1)
    return str(unit.id if unit.id >= 128 else unit.id * 4 + slot - 1)


def unit_list(printer: VirtualBambu) -> list[Report]:
    """Return the units with all their trays."""
    return [_unit(printer, unit) for unit in printer.units.values()]


def partial_unit_list(printer: VirtualBambu, before: list[Report]) -> list[Report]:
    """Return the units as a partial report has them (docs/protocols/bambu.md 2, 7).

    before: the units as they were last reported.
    """
    model, known = printer.model, {unit["id"]: unit for unit in before}
    return [
        unit
        | {
            "tray": [
                _partial(model, tray, known.get(unit["id"], {}).get("tray", ()))
                for tray in unit["tray"]
                if not model.omits_empty or tray["state"] & FILLED
            ]
        }
        for unit in unit_list(printer)
    ]


def _partial(model: Model, tray: Report, before: Iterable[Report]) -> Report:
    """Return a tray, reduced to its state where its content is known already.

    That of an empty slot, which may have been left out, is not.
    """
    state = {"state": tray.get("state")}
    needed = INFORMATION_SET | FILLED if model.omits_empty else INFORMATION_SET
    if model.reduces and any(
        known | state == tray
        and known.get("state", 0) & tray["state"] & needed == needed
        for known in before
    ):
        return {"id": tray["id"]} | state
    return tray


def _unit(printer: VirtualBambu, unit: Unit) -> Report:
    type_code = KINDS[unit.kind].type_code
    if unit.id == A2L_LITE_ID:
        type_code = A2L_LITE_TYPE
    info = unit.phase << 28 | 0x1000 | (0x20 if unit.drying_minutes else 0) | type_code
    shown: Report = {
        "id": str(unit.id),
        "humidity": "0" if unit.kind is Kind.LITE else "4",
        "humidity_raw": "0" if unit.kind is Kind.LITE else str(unit.humidity),
        "temp": "0.0" if unit.kind is Kind.LITE else f"{unit.temperature}",
        "dry_time": unit.drying_minutes,
        "tray": [_tray(printer, unit, tray) for tray in range(len(unit.bays))],
    }
    if printer.model.infos:
        shown["info"] = f"{info:x}"
    return shown | ({"ams_id": unit.serial} if printer.model.unit_serials else {})


def _tray(printer: VirtualBambu, unit: Unit, tray: int) -> Report:
    shown: Report = {"id": str(tray)}
    bay = unit.bays[tray]
    if bay.known is not None and (bay.known.uuid or bay.known.material):
        shown |= _filament(bay.known)
    if printer.model.states:
        fed = printer.active == (unit.number, tray + 1)
        shown["state"] = _state(printer.model, bay, fed=fed)
    elif len(shown) > 1:
        shown["state"] = 3
    return shown


def externals(printer: VirtualBambu) -> Report:
    """Return the filament on the external holders, as far as it was entered."""
    shown = [
        {"id": str(holder)} | _filament(preset)
        for holder, preset in sorted(printer.presets.items())
    ]
    if printer.model.vir_slots:
        return {"vir_slot": shown}
    return {"vt_tray": shown[0]}


def extruders(printer: VirtualBambu) -> Report:
    """Return what each extruder holds, where the printer reports it."""
    if not printer.model.extruders:
        return {}
    now = NO_EXTRUDER_SLOT
    if printer.active is not None:
        unit, slot = printer.active
        unit_id = unit if unit in printer.presets else printer.units[unit].id
        now = unit_id << 8 | slot - 1
    info = [
        {"id": number, "snow": now if number == 0 else NO_EXTRUDER_SLOT}
        for number in range(printer.model.extruders)
    ]
    return {"device": {"extruder": {"info": info, "state": printer.model.extruders}}}


def _state(model: Model, bay: Bay, *, fed: bool) -> int:
    """Return the `state` of X1, H2 and P2 (docs/protocols/bambu.md 3.5)."""
    if bay.reading:
        return 17
    if bay.known is not None:
        there = model.fed_state if fed else 11
        return there if bay.at_feeder else 10
    return 9 if bay.at_feeder else model.empty_state


def _filament(spool: Spool) -> Report:
    return {
        "tag_uid": spool.chip or NO_TAG,
        "tray_uuid": spool.uuid or NO_UUID,
        "tray_info_idx": spool.code,
        "tray_type": spool.material,
        "tray_sub_brands": spool.name,
        "tray_id_name": spool.colour_code,
        "tray_color": spool.colour,
        "cols": [spool.colour],
        "tray_weight": str(spool.weight),
        "tray_diameter": "1.75",
        "nozzle_temp_min": "190" if spool.material else "0",
        "nozzle_temp_max": "230" if spool.material else "0",
        "remain": spool.remain,
    }
