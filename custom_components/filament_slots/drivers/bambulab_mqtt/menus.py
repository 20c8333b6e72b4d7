"""Where the screens of the models show address, serial number and access code."""

from typing import Final

from .versions import model_by_serial

# The models whose menus are the same, by the key of the text about them.
_MENUS: Final = {
    "x1": ("X1 Carbon", "X1", "X1E"),
    "p1": ("P1P", "P1S"),
    "a1": ("A1", "A1 mini", "A2L"),
    "p2_h2": ("P2S", "X2D", "H2S", "H2D", "H2D Pro", "H2C"),
}


def where_to_find(serial: object) -> tuple[str, ...]:
    """Return the keys of the texts for the model of this serial, of all if unknown."""
    model = model_by_serial(serial) if isinstance(serial, str) else None
    families = (key for key, models in _MENUS.items() if model in models)
    return (*(tuple(families) or _MENUS), "note")
