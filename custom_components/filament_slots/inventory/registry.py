"""The kinds of inventories, by their keys."""

from collections.abc import Mapping
from typing import Final

from .base import Inventory
from .spoolman.inventory import SpoolmanInventory

INVENTORIES: Final[Mapping[str, type[Inventory]]] = {
    kind.inventory_key: kind for kind in (SpoolmanInventory,)
}

# Whose spools a number alone names.
NUMBERED: Final = SpoolmanInventory.inventory_key
