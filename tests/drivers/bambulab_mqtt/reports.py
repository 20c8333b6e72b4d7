"""Reports as Bambu printers send them, built from the facts of the protocol."""

import logging
from typing import Any

import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot, Unit

NO_TAG = "0" * 16
NO_UUID = "0" * 32


def decoder() -> ReportDecoder:
    """Return a decoder that knows nothing."""
    return ReportDecoder(logging.getLogger("tests.bambulab_mqtt"))


def feed(decoder: ReportDecoder, message: object) -> Snapshot | None:
    """Feed one message as its bytes; return the snapshot if it is a new one."""
    return feed_raw(decoder, orjson.dumps(message))


def feed_raw(decoder: ReportDecoder, payload: bytes | str) -> Snapshot | None:
    """Feed a payload as it is; return the snapshot if it is a new one."""
    before = decoder.snapshot
    after = decoder.feed(payload)
    return None if after is before else after


def see(*messages: object) -> Snapshot:
    """Return what a fresh decoder makes of these messages."""
    fresh = decoder()
    for message in messages:
        feed(fresh, message)
    assert fresh.snapshot is not None
    return fresh.snapshot


def unit_of(snapshot: Snapshot, unit_no: int) -> Unit:
    """Return the unit with this number."""
    return next(unit for unit in snapshot.units if unit.ams_unit_no == unit_no)


def slot_of(snapshot: Snapshot, unit_no: int, slot_no: int) -> Slot:
    """Return a slot of a unit."""
    unit = unit_of(snapshot, unit_no)
    return next(slot for slot in unit.slots if slot.slot_no == slot_no)


def presence(snapshot: Snapshot, unit_no: int) -> list[bool | None]:
    """Return the presence of the slots of a unit, in their order."""
    return [slot.present for slot in unit_of(snapshot, unit_no).slots]


def active(snapshot: Snapshot) -> list[str | None]:
    """Return the labels of the active slots."""
    slots = [slot for unit in snapshot.units for slot in unit.slots]
    return [slot.label for slot in (*slots, *snapshot.direct_slots) if slot.active]


def bambu_spool(tray: int, seed: int, **values: object) -> dict[str, Any]:
    """Return the tray of a Bambu spool whose tag was read; `seed` makes the ids."""
    return {
        "id": str(tray),
        "state": 11,
        "remain": 80,
        "total_len": 330000,
        "tag_uid": f"{seed:08X}00000100",
        "tray_uuid": f"{seed:032X}",
        "tray_id_name": "A01-W2",
        "tray_info_idx": "GFA01",
        "tray_type": "PLA",
        "tray_sub_brands": "PLA Matte",
        "tray_color": "FFFFFFFF",
        "cols": ["FFFFFFFF"],
        "ctype": 0,
        "cali_idx": -1,
        "tray_weight": "1000",
        "tray_diameter": "1.75",
        "nozzle_temp_min": "190",
        "nozzle_temp_max": "230",
        "xcam_info": "0" * 24,
    } | values


def other_spool(tray: int, **values: object) -> dict[str, Any]:
    """Return the tray of a spool without a tag, as its owner described it."""
    return (
        bambu_spool(tray, 0)
        | {
            "remain": -1,
            "tag_uid": NO_TAG,
            "tray_uuid": NO_UUID,
            "tray_id_name": "",
            "tray_info_idx": "GFL99",
            "tray_sub_brands": "",
            "tray_color": "0ACC38FF",
            "cols": ["0ACC38FF"],
            "tray_weight": "0",
        }
        | values
    )


def unit(unit_id: int, *trays: dict[str, Any], **values: object) -> dict[str, Any]:
    """Return a unit with an `info` that suits its id: AMS, AMS HT or the A2L's Lite."""
    info = "2004" if unit_id >= 128 else "30001005" if unit_id == 16 else "1001"
    return {
        "id": str(unit_id),
        "info": info,
        "humidity": "4",
        "humidity_raw": "23",
        "temp": "24.7",
        "dry_time": 0,
        "tray": list(trays),
    } | values


def report(msg: int | None = None, **values: object) -> dict[str, Any]:
    """Return a report; msg 0 is a full one, 1 a partial one."""
    kind: dict[str, object] = {} if msg is None else {"msg": msg}
    return {"print": {"command": "push_status", "sequence_id": "7"} | kind | values}


def full(*units: dict[str, Any], exist: str, **values: object) -> dict[str, Any]:
    """Return a full report of these units; `exist` are the tray_exist_bits."""
    unit_bits = 0
    for each in units:
        unit_id = int(each["id"])
        unit_bits |= 1 << {16: 12}.get(
            unit_id, unit_id if unit_id < 4 else unit_id - 124
        )
    ams = {
        "ams": list(units),
        "ams_exist_bits": f"{unit_bits:x}",
        "tray_exist_bits": exist,
        "tray_is_bbl_bits": exist,
        "tray_read_done_bits": exist,
        "tray_reading_bits": "0",
        "tray_now": "255",
        "tray_pre": "255",
        "tray_tar": "255",
        "version": 4,
        "insert_flag": True,
        "power_on_flag": False,
    }
    ams |= values.pop("ams", {})  # type: ignore[call-overload]
    return report(0, ams=ams, gcode_state="IDLE", hms=[], **values)


def delta(**ams: object) -> dict[str, Any]:
    """Return a partial report about the units."""
    return report(1, ams=ams)


def versions(*modules: dict[str, Any]) -> dict[str, Any]:
    """Return an answer to get_version."""
    return {"info": {"command": "get_version", "module": list(modules)}}


def module(name: str, sn: str | None, **values: object) -> dict[str, Any]:
    """Return a module of that answer."""
    serial = {} if sn is None else {"sn": sn}
    return {"name": name, "sw_ver": "01.02.03.04", "hw_ver": "N/A"} | serial | values


def four(seed: int = 1) -> tuple[dict[str, Any], ...]:
    """Return the four trays of a unit full of Bambu spools."""
    return tuple(bambu_spool(tray, seed * 16 + tray) for tray in range(4))


def x1c() -> dict[str, Any]:
    """Return an X1C's full report with mixed units, about as large as a real one."""
    printer = {
        f"value_{n}": {"state": n, "info": [{"temp": n / 2, "name": "-66dBm"}]}
        for n in range(60)
    }
    return full(
        unit(0, *four(1)),
        unit(1, *four(2)),
        unit(2, {"id": "0", "state": 0}, *four(3)[1:], info="142023", dry_time=583),
        unit(128, bambu_spool(0, 99)),
        exist="10eff",
        vir_slot=[other_spool(0, id="255")],
        vt_tray=other_spool(0, id="255"),
        device={
            "extruder": {"info": [{"id": 0, "snow": 65535, "temp": 26}], "state": 1}
        },
        **printer,
    )
