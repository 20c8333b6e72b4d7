"""The status of each system at rest, written by docs/protocols/moonraker.md."""

from typing import Any

type Objects = dict[str, dict[str, Any]]

COMMON: Objects = {
    "webhooks": {"state": "ready"},
    "print_stats": {"state": "standby"},
    "toolhead": {"extruder": "extruder"},
}


def switch(detected: bool = False, **more: Any) -> dict[str, Any]:
    """Return a filament switch."""
    return {"filament_detected": detected, "enabled": True, **more}


def sensors(*names: str) -> Objects:
    """Return a plain printer with open switches of these names."""
    return {**COMMON, **{f"filament_switch_sensor {name}": switch() for name in names}}


def happy_hare(gates: int = 4, **mmu: Any) -> Objects:
    """Return Happy Hare 3 with one unit, all gates empty."""
    return {
        **COMMON,
        "mmu": {
            "print_state": "initialized",
            "action": "Idle",
            "gate": -1,
            "filament_pos": 0,
            "num_gates": gates,
            "spoolman_support": "readonly",
            "pending_spool_id": -1,
            "gate_status": [0] * gates,
            "gate_spool_id": [-1] * gates,
            "gate_filament_name": [""] * gates,
            "gate_material": [""] * gates,
            "gate_color": [""] * gates,
            "gate_color_rgb": [[0.0, 0.0, 0.0]] * gates,
            "gate_temperature": [200] * gates,
            **mmu,
        },
        "mmu_machine": {
            "num_units": 1,
            "unit_0": {
                "name": "Box Turtle",
                "vendor": "BoxTurtle",
                "num_gates": gates,
                "first_gate": 0,
            },
        },
        **{f"filament_switch_sensor mmu_pre_gate_{n}": switch() for n in range(gates)},
        "filament_switch_sensor toolhead_sensor": switch(),
    }


def lane(number: int, **changes: Any) -> dict[str, Any]:
    """Return an empty AFC lane."""
    return {
        "unit": "Turtle_1",
        "lane": number,
        "map": f"T{number - 1}",
        "prep": False,
        "load": False,
        "tool_loaded": False,
        "status": "None",
        "filament_status": "Not Ready",
        "spool_id": None,
        "material": "",
        "color": "",
        "weight": 0,
        **changes,
    }


def afc(**lanes: dict[str, Any]) -> Objects:
    """Return AFC with a Box Turtle of four lanes, all empty but those given."""
    return {
        **COMMON,
        "AFC": {
            "units": ["Box_Turtle Turtle_1"],
            "lanes": ["lane1", "lane2", "lane3", "lane4"],
            "current_load": None,
            "spoolman": "http://spoolman.local:7912",
        },
        "AFC_BoxTurtle Turtle_1": {"lanes": ["lane1", "lane2", "lane3", "lane4"]},
        "AFC_hub Turtle_1": {"lanes": ["lane1", "lane2", "lane3", "lane4"]},
        **{
            f"AFC_stepper lane{number}": lane(number, **lanes.get(f"lane{number}", {}))
            for number in range(1, 5)
        },
        "filament_switch_sensor lane1_prep": switch(),
    }


def cfs_unit(**changes: Any) -> dict[str, Any]:
    """Return a CFS with four empty slots, connected."""
    return {
        "state": "connect",
        "filament": "None",
        "temperature": "27",
        "dry_and_humidity": "48",
        "sn": "1000088A12345678",
        "vender": ["none"] * 4,
        "remain_len": ["-1"] * 4,
        "color_value": ["-1"] * 4,
        "material_type": ["-1"] * 4,
        **changes,
    }


AWAY = cfs_unit(
    state="None",
    temperature="None",
    dry_and_humidity="None",
    sn="-1",
    vender=["-1"] * 4,
)


def cfs(**t1: Any) -> Objects:
    """Return a K2 with one CFS."""
    return {
        **COMMON,
        "box": {
            "state": "connect",
            "same_material": [["101001", "0FF0000", ["T1A"], "PLA"]],
            "T1": cfs_unit(**t1),
            "T2": AWAY,
        },
        "filament_rack": {"vender": "-1", "color_value": "-1", "material_type": "-1"},
        "filament_switch_sensor filament_sensor": switch(),
    }


def without_cfs() -> Objects:
    """Return a K2 that was sold without a CFS: four units that are not connected."""
    status = cfs()
    status["box"] = {"state": "None", "T1": AWAY, "T2": AWAY, "T3": AWAY, "T4": AWAY}
    status["filament_switch_sensor filament_sensor_2"] = switch()
    return status


def kalico(**slots: dict[str, Any]) -> Objects:
    """Return a K2 with Kalico's flat box: four slots, and the holder outside."""
    return {
        **COMMON,
        "box": {
            "driver_ready": True,
            "data_ready": True,
            "temp_c": 29,
            "humidity_pct": 22,
            "loaded_slot": -1,
            "slots": [
                {
                    "index": index,
                    "name": "",
                    "material": "",
                    "color": "",
                    "brand": "None",
                    "present": False,
                    "external": index == 4,
                    "loaded": False,
                    "rfid_percent": None,
                    "spoolman_id": None,
                    **slots.get(f"slot{index}", {}),
                }
                for index in range(5)
            ],
        },
    }


def ace_slot(index: int, **changes: Any) -> dict[str, Any]:
    """Return an empty slot of an ACE."""
    return {
        "index": index,
        "status": "empty",
        "sku": "",
        "type": "",
        "color": [0, 0, 0],
        "rfid": 0,
        **changes,
    }


def ace_hub(**slots: dict[str, Any]) -> Objects:
    """Return Anycubic's own firmware with one ACE and its imitation of Happy Hare."""
    return {
        **happy_hare(),
        "filament_hub": {
            "current_filament": "",
            "filament_hubs": [
                {
                    "id": 0,
                    "status": "ready",
                    "temp": 25,
                    "slots": [
                        ace_slot(index, **slots.get(f"slot{index}", {}))
                        for index in range(4)
                    ],
                }
            ],
        },
    }


def ace_instances() -> Objects:
    """Return a community driver with two ACE."""
    return {
        **COMMON,
        "ace": {"ace_instances": 2, "current_index": 5},
        **{
            f"ace_instance_{number}": {
                "slots": [
                    ace_slot(index, status="ready", material="PETG", brand="AC")
                    for index in range(4)
                ]
            }
            for number in range(2)
        },
    }


def multi_ace() -> Objects:
    """Return a community driver that lists its ACE in one object."""
    return {
        **COMMON,
        "ace": {
            "status": "ready",
            "aces": [
                {
                    "idx": number,
                    "connected": True,
                    "status": "ready",
                    "temp": 25,
                    "slots": [
                        ace_slot(index, status="ready", type="PLA", rfid=2)
                        for index in range(4)
                    ],
                }
                for number in range(2)
            ],
        },
    }


def ace_inventory() -> Objects:
    """Return a community driver that only keeps variables."""
    return {
        **COMMON,
        "save_variables": {
            "variables": {
                "ace_current_index": 1,
                "ace_inventory": [
                    {"status": "empty", "color": [0, 0, 0], "material": "", "temp": 0},
                    {
                        "status": "ready",
                        "color": [255, 128, 0],
                        "material": "PETG",
                        "temp": 250,
                    },
                ],
            }
        },
        "filament_switch_sensor extruder_sensor": switch(),
    }


def qidi_box(boxes: int = 1, **variables: Any) -> Objects:
    """Return a QIDI with boxes whose slots are empty."""
    kept: dict[str, Any] = {
        "box_count": boxes,
        "auto_read_rfid": 1,
        "last_load_slot": "slot-1",
    }
    for slot in range(16):
        kept |= {
            f"slot{slot}": 0,
            f"vendor_slot{slot}": 1,
            f"filament_slot{slot}": 1,
            f"color_slot{slot}": 1,
        }
    return {
        **COMMON,
        "save_variables": {"variables": {**kept, **variables}},
        "aht20_f heater_box1": {"temperature": 25.4, "humidity": 31.0},
        **{
            f"box_stepper slot{slot}": {
                "runout_button": 0 if variables.get(f"slot{slot}") else 1,
                "rfid_state": 0,
            }
            for slot in range(4 * boxes)
        },
        "filament_switch_sensor fila": switch(),
    }


def snapmaker_u1(**changes: dict[str, Any]) -> Objects:
    """Return a U1 with four empty tools."""
    nothing = {"VENDOR": "NONE", "MAIN_TYPE": "NONE", "SUB_TYPE": "NONE", "CARD_UID": 0}
    channel = {"module_exist": True, "filament_detected": False}
    status: Objects = {
        **COMMON,
        "filament_detect": {"info": [nothing] * 4, "state": [0] * 4},
        "filament_feed left": {"extruder0": channel, "extruder1": channel},
        "filament_feed right": {"extruder2": channel, "extruder3": channel},
        "print_task_config": {
            "filament_exist": [False] * 4,
            "filament_vendor": ["NONE"] * 4,
            "filament_type": ["NONE"] * 4,
            "filament_sub_type": ["NONE"] * 4,
            "filament_color_rgba": ["FFFFFFFF"] * 4,
        },
        "filament_motion_sensor e0_filament": switch(),
        "AFC": {"lanes": ["lane0"], "units": ["U1 Tools"]},
        "AFC_lane lane0": lane(0, status="empty"),
        "toolchanger": {},
    }
    return status | changes


def zmod() -> Objects:
    """Return an AD5X with zmod."""
    return {
        **COMMON,
        "zmod_ifs": {"Ports": [False, True, True, True], "Chan": 3, "State": 4},
        "zmod_color": {
            "slots": [
                {"ID": "2", "Material": "PETG", "HEX": "0ACC38"},
                {"ID": 3, "Material": "?", "HEX": ""},
            ]
        },
        "filament_switch_sensor head_switch_sensor": switch(),
    }


def forge_x() -> Objects:
    """Return an AD5X with Forge-X."""
    return {
        **COMMON,
        "ifs": {"connected": True, "active_channel": 2, "loaded_channels": [2, 4]},
        "ifs_materials": {"slots": [{"ID": 4, "Material": "PLA", "HEX": "FFFFFF"}]},
    }


def port_sensors() -> Objects:
    """Return an AD5X whose ports are plain sensors."""
    return {
        **COMMON,
        **{
            f"filament_switch_sensor _ifs_port_sensor_{port}": switch(port == 1)
            for port in range(1, 5)
        },
        "filament_switch_sensor head_switch_sensor": switch(True),
        "save_variables": {
            "variables": {
                "less_waste_types": ["PLA", "PETG", "ABS", "TPU"],
                "less_waste_colors": ["FF0000", "00FF00", "0000FF", "nonsense"],
            }
        },
    }


def openams() -> Objects:
    """Return OpenAMS with one unit of four bays, all empty."""
    return {
        **COMMON,
        "oams_manager": {
            "api_version": 1,
            "ready": True,
            "units": [
                {
                    "id": "1",
                    "name": "unit1",
                    "connected": True,
                    "slots": [
                        {"id": bay, "bay": bay, "ready": False, "loaded": False}
                        for bay in range(4)
                    ],
                }
            ],
        },
        "mfrc522 oams1": {
            "oams": 1,
            "readers": [
                {"oams": 1, "rfid_card": card, "present": False, "uid": None}
                for card in range(2)
            ],
        },
        "oams 1": {"current_spool": 0},
    }


def openams_boards(**changes: Any) -> Objects:
    """Return OpenAMS whose boards, not its manager, report the bays, all empty."""
    board = {
        "current_spool": None,
        "f1s_hes_value": [0, 0, 0, 0],
        "hub_hes_value": [0, 0, 0, 0],
        "fps_value": 0.5,
    }
    return {
        **COMMON,
        "oams_manager": {"current_group": None},
        "oams oams1": {**board, **changes},
        "oams oams2": board,
        "filament_switch_sensor extruder_out": switch(),
    }


EVERY: dict[str, Objects] = {
    "sensors": sensors("runout", "t2", "t10"),
    "happy_hare": happy_hare(gate_status=[1, 0, -1, 2]),
    "afc": afc(lane2={"prep": True, "spool_id": 7, "status": "Loaded"}),
    "cfs": cfs(vender=["0A21", "unknown", "none", "none"]),
    "without_cfs": without_cfs(),
    "kalico": kalico(slot1={"present": True, "spoolman_id": 3}),
    "ace_hub": ace_hub(slot1={"status": "ready", "rfid": 2, "sku": "AHPLGY-102"}),
    "ace_instances": ace_instances(),
    "multi_ace": multi_ace(),
    "ace_inventory": ace_inventory(),
    "qidi_box": qidi_box(slot0=1, slot1=3),
    "snapmaker_u1": snapmaker_u1(),
    "zmod": zmod(),
    "forge_x": forge_x(),
    "port_sensors": port_sensors(),
    "openams": openams(),
    "openams_boards": openams_boards(f1s_hes_value=[1, 0, 0, 1]),
}
