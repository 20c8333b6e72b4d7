"""The frontend's types of a driver's health are those of the backend."""

from pathlib import Path
import re
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from custom_components.filament_slots.drivers.health import Health, LastError
from custom_components.filament_slots.websocket import PrinterHealth

CARD = Path(__file__).parents[1] / "frontend" / "src" / "health-card.ts"
NAMES = {str: "string", int: "number", float: "number", bool: "boolean"}


def _typescript(hint: Any) -> str:
    """Return a Python type as TypeScript writes it."""
    if get_origin(hint) is UnionType:
        return " | ".join(map(_typescript, get_args(hint)))
    return "null" if hint is NoneType else NAMES.get(hint, hint.__name__)


def _interface(name: str) -> dict[str, str]:
    """Return the fields of an interface of the card with their types."""
    source = CARD.read_text(encoding="utf-8")
    found = re.search(rf"interface {name} {{\n(.*?)\n}}", source, re.DOTALL)
    assert found is not None
    return dict(re.findall(r"^\s*(\w+): ([^;]+);", found[1], re.MULTILINE))


@pytest.mark.parametrize(
    ("interface", "backend"),
    [("Driver", PrinterHealth), ("Health", Health), ("LastError", LastError)],
)
def test_the_fields_that_the_card_reads_have_the_types_of_the_backend(
    interface: str, backend: type
) -> None:
    fields = _interface(interface)
    hints = get_type_hints(backend)

    assert fields
    assert fields.keys() <= hints.keys()
    assert fields == {name: _typescript(hints[name]) for name in fields}
