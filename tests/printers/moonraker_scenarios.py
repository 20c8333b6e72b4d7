"""Filament systems of the fake Klippy: their status, and how it changes.

Written from the protocol facts (docs/protocols/moonraker.md 2, 3). Slots are numbered from 1 here,
as in events; each system has its own numbering.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from .klippy import Klippy, Status


class System(ABC):
    """One filament system of a printer, empty at first.

    in_unit: its slots belong to unit 1; otherwise they are direct slots.
    assigns: it supports Spoolman ids. tag: the id of a chip in its reader.
    unknown: it reports when a spool has no tag.
    """

    in_unit: ClassVar[bool] = True
    assigns: ClassVar[bool] = False
    tag: ClassVar[str | None] = None
    unknown: ClassVar[bool] = False

    def __init__(self, klippy: Klippy) -> None:
        """Add the system to a printer, from its next start on."""
        self.klippy = klippy
        klippy.objects |= self.objects()

    @abstractmethod
    def objects(self) -> Status:
        """Return its objects when nothing is inserted."""

    @abstractmethod
    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool, with its Spoolman id if it has one."""

    @abstractmethod
    async def remove(self, slot: int) -> None:
        """Take the spool out."""


def _with(values: list[Any], index: int, value: Any) -> list[Any]:
    """Return another list with one value changed, as a delta needs it."""
    return [*values[:index], value, *values[index + 1 :]]


class SwitchSensors(System):
    """Two bare switches, one a tool (docs/protocols/moonraker.md 2)."""

    in_unit = False

    def objects(self) -> Status:
        """Return two switches that are open."""
        return {
            f"filament_switch_sensor tool{number}": {
                "filament_detected": False,
                "enabled": True,
            }
            for number in range(2)
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Close a switch."""
        self.press(slot, pressed=True)

    async def remove(self, slot: int) -> None:
        """Open it."""
        self.press(slot, pressed=False)

    def press(self, slot: int, *, pressed: bool) -> None:
        """Move the switch."""
        name = f"filament_switch_sensor tool{slot - 1}"
        self.klippy.set(name, filament_detected=pressed)


class HappyHare(System):
    """Happy Hare 3 on a Box Turtle (docs/protocols/moonraker.md 3.1)."""

    assigns = True
    gates = 4

    def objects(self) -> Status:
        """Return four empty gates, at rest."""
        count = self.gates
        return {
            "mmu": {
                "enabled": True,
                "num_gates": count,
                "print_state": "initialized",
                "unit": 0,
                "tool": 0,
                "gate": 0,
                "filament": "Unloaded",
                "filament_pos": 0,
                "filament_position": 0.0,
                "action": "Idle",
                "pending_spool_id": -1,
                "spoolman_support": "readonly",
                "ttg_map": list(range(count)),
                "gate_status": [0] * count,
                "gate_filament_name": [""] * count,
                "gate_material": [""] * count,
                "gate_color": [""] * count,
                "gate_temperature": [200] * count,
                "gate_spool_id": [-1] * count,
            },
            "mmu_machine": {
                "num_units": 1,
                "unit_0": {
                    "name": "Box Turtle",
                    "vendor": "BoxTurtle",
                    "version": "1.0",
                    "num_gates": count,
                    "first_gate": 0,
                    "has_bypass": False,
                },
            },
            **{
                f"filament_switch_sensor mmu_{place}_{gate}": {
                    "filament_detected": False,
                    "enabled": True,
                }
                for gate in range(count)
                for place in ("pre_gate", "gear")
            },
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Preload a gate; the id changes in place, so that no change of it is sent."""
        gate = slot - 1
        if spool_id is not None:
            self.klippy.set("mmu", pending_spool_id=spool_id)
            await self.klippy.pause(1)
        await self.push(slot)
        await self.klippy.pause(1.2)
        if spool_id is not None:
            self.klippy.objects["mmu"]["gate_spool_id"][gate] = spool_id
        self._gate(gate, 1, action="Idle")

    async def push(self, slot: int) -> None:
        """Push filament to the switch in front of the gate."""
        self._switch(slot - 1, closed=True)
        self._gate(slot - 1, -1, action="Checking", pending_spool_id=-1)

    async def remove(self, slot: int) -> None:
        """Pull the filament out; the map keeps its spool."""
        self._switch(slot - 1, closed=False)
        self._gate(slot - 1, 0)

    async def assign(self, slot: int, spool_id: int) -> None:
        """Give the gate another spool in the map."""
        spools = self.klippy.objects["mmu"]["gate_spool_id"]
        self.klippy.set("mmu", gate_spool_id=_with(spools, slot - 1, spool_id))

    def booting(self, **fields: Any) -> Status:
        """Return its objects right after a start: the saved state."""
        mmu = self.klippy.objects["mmu"] | {"print_state": "ready"} | fields
        return {"mmu": mmu}

    async def finish_boot(self, *gate_status: int) -> None:
        """Reconcile the map with the switches."""
        self.klippy.set("mmu", print_state="initialized")
        if gate_status:
            self.klippy.set("mmu", gate_status=list(gate_status))

    def _gate(self, gate: int, status: int, **fields: Any) -> None:
        states = _with(self.klippy.objects["mmu"]["gate_status"], gate, status)
        self.klippy.set("mmu", gate_status=states, **fields)

    def _switch(self, gate: int, *, closed: bool) -> None:
        name = f"filament_switch_sensor mmu_pre_gate_{gate}"
        self.klippy.set(name, filament_detected=closed)


class Afc(System):
    """AFC on a Box Turtle (docs/protocols/moonraker.md 3.3)."""

    assigns = True
    lanes = ("lane1", "lane2", "lane3", "lane4")

    def objects(self) -> Status:
        """Return four empty lanes, at rest."""
        lanes = list(self.lanes)
        return {
            "AFC": {
                "current_load": None,
                "current_lane": None,
                "current_state": "Idle",
                "units": ["Box_Turtle Turtle_1"],
                "lanes": lanes,
                "extruders": ["extruder"],
                "hubs": ["Turtle_1"],
                "buffers": [],
                "spoolman": "http://127.0.0.1:9",
                "error_state": False,
            },
            "AFC_BoxTurtle Turtle_1": {
                "lanes": lanes,
                "extruders": ["extruder"],
                "hubs": ["Turtle_1"],
                "buffers": [],
            },
            **{
                f"AFC_stepper {name}": {
                    "name": name,
                    "unit": "Turtle_1",
                    "hub": "Turtle_1",
                    "extruder": "extruder",
                    "lane": number,
                    "map": f"T{number - 1}",
                    **self._empty(),
                }
                for number, name in enumerate(lanes, 1)
            },
            **{
                f"filament_switch_sensor {name}_{place}": {
                    "filament_detected": False,
                    "enabled": True,
                }
                for name in lanes
                for place in ("prep", "load")
            },
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Feed a lane; the spool is assigned at the end of the load."""
        self._lane(slot, prep=True, filament_status="Prep")
        await self.klippy.pause(1)
        self._lane(slot, load=True, filament_status="Ready")
        await self.klippy.pause(1.5)
        self._lane(slot, loaded_to_hub=True, status="Loaded", weight=1000)
        if spool_id is not None:
            await self.assign(slot, spool_id)

    async def remove(self, slot: int) -> None:
        """Pull the filament out; the spool is cleared."""
        self._lane(slot, load=False, filament_status="Prep")
        await self.klippy.pause(0.5)
        self._lane(slot, **self._empty())

    async def assign(self, slot: int, spool_id: int) -> None:
        """Give the lane a spool."""
        self._lane(slot, spool_id=spool_id, material="PLA", color="#c81e1e")

    def booting(self) -> Status:
        """Return its objects right after a start: all empty."""
        return {"AFC": self.klippy.objects["AFC"] | {"spoolman": None}} | {
            name: self.klippy.objects[name] | self._empty() | {"map": None}
            for name in map("AFC_stepper {}".format, self.lanes)
        }

    async def finish_boot(self, before: Status) -> None:
        """Report the actual state, as PREP does."""
        for name in map("AFC_stepper {}".format, self.lanes):
            self.klippy.set(name, **before[name])

    def _lane(self, slot: int, **fields: Any) -> None:
        self.klippy.set(f"AFC_stepper {self.lanes[slot - 1]}", **fields)

    def _empty(self) -> dict[str, Any]:
        return {
            "prep": False,
            "load": False,
            "loaded_to_hub": False,
            "tool_loaded": False,
            "material": "",
            "color": "",
            "spool_id": None,
            "weight": 0,
            "status": "None",
            "filament_status": "Not Ready",
            "remember_spool": False,
        }


class Cfs(System):
    """Creality's CFS with the maker's own firmware (docs/protocols/moonraker.md 3.4)."""

    unknown = True

    def objects(self) -> Status:
        """Return one unit with four empty slots, and three that are not connected."""
        units = {f"T{number}": self._unit("None") for number in range(2, 5)}
        return {
            "box": {
                "state": "connect",
                "filament": 0,
                "enable": 1,
                "map": {f"T1{letter}": f"T1{letter}" for letter in "ABCD"},
                "T1": self._unit("connect"),
                **units,
            }
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool without the maker's tag."""
        self._slot(slot, vender="unknown", remain_len="100")

    async def remove(self, slot: int) -> None:
        """Take it out; colour and material stay."""
        self._slot(slot, vender="none", remain_len="-1")

    def _slot(self, slot: int, **values: str) -> None:
        unit = dict(self.klippy.objects["box"]["T1"])
        for name, value in values.items():
            unit[name] = _with(unit[name], slot - 1, value)
        self.klippy.set("box", T1=unit)

    def _unit(self, state: str) -> dict[str, Any]:
        connected = state == "connect"
        return {
            "state": state,
            "filament": "None",
            "temperature": "27" if connected else "None",
            "dry_and_humidity": "48" if connected else "None",
            "vender": ["none" if connected else "-1"] * 4,
            "remain_len": ["-1"] * 4,
            "color_value": ["-1"] * 4,
            "material_type": ["-1"] * 4,
        }


class AceHub(System):
    """Anycubic's ACE behind `filament_hub` (docs/protocols/moonraker.md 3.5)."""

    def objects(self) -> Status:
        """Return one hub with four empty slots."""
        return {
            "filament_hub": {
                "current_filament": "",
                "filament_hubs": [
                    {
                        "id": 0,
                        "status": "ready",
                        "temp": 25,
                        "slots": [self._empty(index) for index in range(4)],
                    }
                ],
            }
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool, whose tag names its product."""
        self._slot(slot, status="preload", rfid=3)
        await self.klippy.pause(2)
        self._slot(
            slot,
            status="ready",
            rfid=2,
            source=1,
            sku="AHPLBK-101",
            type="PLA",
            color=[20, 20, 20],
        )

    async def remove(self, slot: int) -> None:
        """Take it out."""
        self._slot(slot, **self._empty(slot - 1))

    def _slot(self, slot: int, **fields: Any) -> None:
        (hub,) = self.klippy.objects["filament_hub"]["filament_hubs"]
        slots = _with(hub["slots"], slot - 1, hub["slots"][slot - 1] | fields)
        self.klippy.set("filament_hub", filament_hubs=[hub | {"slots": slots}])

    def _empty(self, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "status": "empty",
            "sku": "",
            "type": "",
            "color": [0, 0, 0],
            "rfid": 0,
            "source": 3,
        }


class QidiBox(System):
    """QIDI's box, which is reported in `save_variables` (docs/protocols/moonraker.md 3.6)."""

    def objects(self) -> Status:
        """Return one box with four empty slots."""
        variables: dict[str, Any] = {
            "box_count": 1,
            "enable_box": 1,
            "auto_read_rfid": 1,
            "last_load_slot": "slot-1",
        }
        for slot in range(16):
            variables |= {
                f"slot{slot}": 0,
                f"filament_slot{slot}": 0,
                f"color_slot{slot}": 0,
                f"vendor_slot{slot}": 0,
            }
        return {"save_variables": {"variables": variables}}

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool; it is read a moment later."""
        self._say(**{f"slot{slot - 1}": 3})
        await self.klippy.pause(2)
        self._say(
            **{
                f"slot{slot - 1}": 1,
                f"filament_slot{slot - 1}": 1,
                f"color_slot{slot - 1}": 2,
                f"vendor_slot{slot - 1}": 1,
            }
        )

    async def remove(self, slot: int) -> None:
        """Take it out; the variables keep its filament."""
        self._say(**{f"slot{slot - 1}": 0})

    def _say(self, **values: int) -> None:
        variables = self.klippy.objects["save_variables"]["variables"] | values
        self.klippy.set("save_variables", variables=variables)


class SnapmakerU1(System):
    """The U1's four tool heads, each with a reader (docs/protocols/moonraker.md 3.7)."""

    in_unit = False
    tag = "9020C402"

    def objects(self) -> Status:
        """Return four tool heads without filament."""
        feeds: Status = {}
        for side, channels in (("left", (0, 1)), ("right", (2, 3))):
            feeds[f"filament_feed {side}"] = {
                f"extruder{channel}": self._feeder(present=False)
                for channel in channels
            }
        return {
            **feeds,
            "filament_detect": {
                "info": [self._record() for _ in range(4)],
                "state": [0] * 4,
            },
            "print_task_config": {
                "filament_exist": [False] * 4,
                "filament_vendor": ["NONE"] * 4,
                "filament_type": ["NONE"] * 4,
                "filament_sub_type": ["NONE"] * 4,
                "filament_color_rgba": ["FFFFFFFF"] * 4,
                "filament_official": [False] * 4,
                "filament_edit": [False] * 4,
            },
            **{
                f"filament_motion_sensor e{channel}_filament": {
                    "filament_detected": False,
                    "enabled": True,
                }
                for channel in range(4)
            },
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool with a tag, which is read a moment later."""
        self._feed(slot, present=True)
        self._detect(slot, self._record(), state=1)
        await self.klippy.pause(2)
        self._detect(
            slot,
            self._record()
            | {
                "VENDOR": "Snapmaker",
                "MAIN_TYPE": "PLA",
                "OFFICIAL": True,
                "CARD_UID": list(bytes.fromhex(self.tag)),
            },
            state=0,
        )

    async def remove(self, slot: int) -> None:
        """Take it out."""
        self._feed(slot, present=False)
        self._detect(slot, self._record(), state=0)

    def _feed(self, slot: int, *, present: bool) -> None:
        side = "left" if slot <= 2 else "right"
        channel = {f"extruder{slot - 1}": self._feeder(present=present)}
        self.klippy.set(f"filament_feed {side}", **channel)
        exist = self.klippy.objects["print_task_config"]["filament_exist"]
        self.klippy.set(
            "print_task_config", filament_exist=_with(exist, slot - 1, present)
        )

    def _detect(self, slot: int, record: dict[str, Any], state: int) -> None:
        detect = self.klippy.objects["filament_detect"]
        self.klippy.set(
            "filament_detect",
            info=_with(detect["info"], slot - 1, record),
            state=_with(detect["state"], slot - 1, state),
        )

    def _feeder(self, *, present: bool) -> dict[str, Any]:
        return {
            "module_exist": True,
            "filament_detected": present,
            "disable_auto": False,
            "channel_state": "load_finish" if present else "wait_insert",
            "channel_error": "ok",
        }

    def _record(self) -> dict[str, Any]:
        return {
            "VENDOR": "NONE",
            "MANUFACTURER": "NONE",
            "MAIN_TYPE": "NONE",
            "SUB_TYPE": "NONE",
            "ARGB_COLOR": 0,
            "WEIGHT": 0,
            "HOTEND_MAX_TEMP": 0,
            "HOTEND_MIN_TEMP": 0,
            "SKU": 0,
            "OFFICIAL": False,
            "CARD_UID": 0,
        }


class Ifs(System):
    """FlashForge's IFS with zmod (docs/protocols/moonraker.md 3.8)."""

    def objects(self) -> Status:
        """Return four empty ports."""
        return {
            "zmod_ifs": {
                "State": 5,
                "Ports": [False] * 4,
                "Chan": 0,
                "Insert": 0,
                "Stall": False,
            }
        }

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Insert a spool."""
        self._port(slot, filled=True)

    async def remove(self, slot: int) -> None:
        """Take it out."""
        self._port(slot, filled=False)

    def _port(self, slot: int, *, filled: bool) -> None:
        ports = self.klippy.objects["zmod_ifs"]["Ports"]
        self.klippy.set("zmod_ifs", Ports=_with(ports, slot - 1, filled))


SYSTEMS: tuple[type[System], ...] = (
    SwitchSensors,
    HappyHare,
    Afc,
    Cfs,
    AceHub,
    QidiBox,
    SnapmakerU1,
    Ifs,
)
