"""Reads the answer to get_version: models and serials (docs/protocols/bambu.md 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..health import UnitVersions
from ..numbers import whole
from .wire import serial_number, text

_UNIT_KINDS = {
    "ams": "AMS",
    "ams_f1": "AMS Lite",
    "n3f": "AMS 2 Pro",
    "n3s": "AMS HT",
}
# Before product_name: the main board and the project built on it.
_BOARDS = {
    ("AP04", "C11"): "P1P",
    ("AP04", "C12"): "P1S",
    ("AP05", "N1"): "A1 mini",
    ("AP05", "N2S"): "A1",
    ("AP05", ""): "X1 Carbon",
    ("AP02", ""): "X1E",
}
# The modules that are the main board, by model.
_MAIN = ("ap", "rv1126", "esp32", "mc")
_SERIAL_PREFIXES = {
    "00M": "X1 Carbon",
    "00W": "X1",
    "03W": "X1E",
    "01S": "P1P",
    "01P": "P1S",
    "22E": "P2S",
    "030": "A1 mini",
    "039": "A1",
    "26A": "A2L",
    "20P": "X2D",
    "093": "H2S",
    "094": "H2D",
    "239": "H2D Pro",
    "31B": "H2C",
}
# As announcements and slicers name the models (docs/protocols/bambu.md 1.7).
_MODEL_CODES = {
    "3DPrinter-X1-Carbon": "X1 Carbon",
    "BL-P001": "X1 Carbon",
    "3DPrinter-X1": "X1",
    "BL-P002": "X1",
    "C13": "X1E",
    "C11": "P1P",
    "C12": "P1S",
    "N7": "P2S",
    "N1": "A1 mini",
    "N2S": "A1",
    "N9": "A2L",
    "N6": "X2D",
    "O1S": "H2S",
    "O1D": "H2D",
    "O1E": "H2D Pro",
    "O1C": "H2C",
    "O1C2": "H2C",
}


@dataclass(frozen=True, slots=True)
class Module:
    """A unit in the answer to get_version.

    serial: None where the unit has none.
    firmware, hardware: its versions, where they are reported.
    enumerated: False while the printer has not asked the unit for it yet
    (docs/protocols/bambu.md P12).
    """

    model: str
    serial: str | None
    enumerated: bool
    firmware: str | None = None
    hardware: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """The newest answer; `units` by the unit's id on the wire."""

    model: str | None = None
    firmware: str | None = None
    hardware: str | None = None
    serial: str | None = None
    units: Mapping[int, Module] = field(default_factory=lambda: MappingProxyType({}))

    def as_dict(self) -> dict[str, str]:
        """Return what is known of the printer, for health."""
        known = {
            "model": self.model,
            "firmware": self.firmware,
            "hardware": self.hardware,
            "serial": self.serial,
        }
        return {key: value for key, value in known.items() if value is not None}

    def of_units(self) -> Sequence[UnitVersions]:
        """Return the versions of the units that have a serial, for health."""
        return [
            {
                "serial": module.serial,
                "firmware": module.firmware,
                "hardware": module.hardware,
            }
            for module in self.units.values()
            if module.serial is not None
        ]


def read_versions(modules: list[Any]) -> Versions:
    """Read the modules of one answer; what is no module is left out."""
    listed = [module for module in modules if isinstance(module, dict)]
    printer: Mapping[str, Any] = next(
        (module for module in listed if module.get("name") == "ota"), {}
    )
    serial = serial_number(printer.get("sn"))
    return Versions(
        model=_product(printer) or _board(listed) or model_by_serial(serial),
        firmware=_version(printer.get("sw_ver")),
        hardware=_hardware(listed),
        serial=serial,
        units=MappingProxyType(dict(filter(None, map(_unit, listed)))),
    )


def model_by_serial(serial: str | None) -> str | None:
    """Return the model that the first three characters of a serial stand for.

    See docs/protocols/bambu.md 1.7.
    """
    return _SERIAL_PREFIXES.get(serial[:3]) if serial else None


def model_by_code(code: str) -> str | None:
    """Return the model that is announced by this code.

    See docs/protocols/bambu.md 1.6 and 1.7.
    """
    return _MODEL_CODES.get(code.strip())


def _product(printer: Mapping[str, Any]) -> str | None:
    product = text(printer.get("product_name"), 64)
    return product.removeprefix("Bambu Lab ") if product else None


def _version(value: object) -> str | None:
    version = text(value, 32)
    return None if version == "N/A" else version


def _hardware(modules: list[dict[str, Any]]) -> str | None:
    """Return the version of the main board; that of the firmware is a placeholder."""
    boards = {module.get("name"): module.get("hw_ver") for module in modules}
    return next(filter(None, (_version(boards.get(name)) for name in _MAIN)), None)


def _board(modules: list[dict[str, Any]]) -> str | None:
    for module in modules:
        board, project = module.get("hw_ver"), module.get("project_name")
        if isinstance(board, str) and isinstance(project, str):
            model = _BOARDS.get((board, project))
            if model is not None:
                return model
    return None


def _unit(module: dict[str, Any]) -> tuple[int, Module] | None:
    """`n3f/2` is the AMS 2 Pro with the id 2."""
    name = module.get("name")
    if not isinstance(name, str):
        return None
    kind, _, address = name.partition("/")
    model, unit_id = _UNIT_KINDS.get(kind), whole(address)
    if model is None or unit_id is None:
        return None
    serial = module.get("sn")
    return unit_id, Module(
        model,
        serial_number(serial),
        enumerated=serial != "",
        firmware=_version(module.get("sw_ver")),
        hardware=_version(module.get("hw_ver")),
    )
