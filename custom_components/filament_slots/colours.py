"""Colours of filament: their everyday names, and how alike two of them are."""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
import math
import re
from typing import Final

type Rgb = tuple[int, int, int]

# Two colours that are no further apart are near each other.
NEAR: Final = 25.0

_HEX: Final = re.compile("#?([0-9A-Fa-f]{6})([0-9A-Fa-f]{2})?")
# As opaque as this a colour is not clear.
_CLEAR_BELOW: Final = 0.35


class ColourName(StrEnum):
    """The everyday name of a colour."""

    CLEAR = "clear"
    BLACK = "black"
    GREY = "grey"
    WHITE = "white"
    RED = "red"
    ORANGE = "orange"
    BROWN = "brown"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


# Up to which hue, in degrees, a colour has a name.
_HUES: Final = (
    (15, ColourName.RED),
    (70, ColourName.YELLOW),
    (165, ColourName.GREEN),
    (195, ColourName.CYAN),
    (248, ColourName.BLUE),
    (295, ColourName.PURPLE),
    (345, ColourName.PINK),
    (360, ColourName.RED),
)


def parse_colour(text: str) -> Rgb | None:
    """Return the red, green and blue of `#RRGGBB` or `#RRGGBBAA`, 0 to 255 each."""
    found = _HEX.fullmatch(text)
    return None if found is None else tuple(bytes.fromhex(found[1]))  # type: ignore[return-value]


def colour_name(text: str) -> ColourName | None:
    """Return the name of `#RRGGBB` or `#RRGGBBAA`, as the cards name it."""
    found, rgb = _HEX.fullmatch(text), parse_colour(text)
    if found is None or rgb is None:
        return None
    if int(found[2] or "FF", 16) / 255 < _CLEAR_BELOW:
        return ColourName.CLEAR
    least, most = min(rgb), max(rgb)
    lightness, chroma = (most + least) / 510, (most - least) / 255
    if lightness < 0.1:
        return ColourName.BLACK
    if lightness > 0.93:
        return ColourName.WHITE
    if chroma < 0.12:
        if lightness < 0.2:
            return ColourName.BLACK
        return ColourName.WHITE if lightness > 0.85 else ColourName.GREY
    hue = _hue(rgb)
    if 15 <= hue < 42:
        return ColourName.BROWN if lightness < 0.4 else ColourName.ORANGE
    name = next(name for end, name in _HUES if hue < end)
    return ColourName.PINK if name is ColourName.RED and lightness > 0.62 else name


def colour_names(colours: Iterable[str]) -> list[ColourName]:
    """Return the names of some colours, each once."""
    return list(dict.fromkeys(filter(None, map(colour_name, colours))))


def distance(one: Rgb, other: Rgb) -> float:
    """Return the distance of two colours in CIELAB (CIE76, D65).

    0 for the same colour, 100 from black to white; about 2 can just be seen.
    """
    return math.dist(_lab(one), _lab(other))


@lru_cache(maxsize=1024)
def alike_colours(some: tuple[str, ...], others: tuple[str, ...]) -> bool | None:
    """Return whether any colour of the one is near any of the other.

    None where either has no known colour: a clear one is none, as its value means nothing.
    """
    distances = [
        distance(one, other) for one in _opaque(some) for other in _opaque(others)
    ]
    return min(distances) <= NEAR if distances else None


def _opaque(colours: Iterable[str]) -> list[Rgb]:
    """Return the colours that are colours, and not clear."""
    return [
        rgb
        for text in colours
        if colour_name(text) is not ColourName.CLEAR
        and (rgb := parse_colour(text)) is not None
    ]


def _hue(rgb: Rgb) -> float:
    red, green, blue = rgb
    most = max(rgb)
    span = most - min(rgb)
    if most == red:
        sector = (green - blue) / span
    elif most == green:
        sector = 2 + (blue - red) / span
    else:
        sector = 4 + (red - green) / span
    return sector * 60 % 360


def _lab(rgb: Rgb) -> tuple[float, float, float]:
    red, green, blue = map(_linear, rgb)
    x, y, z = map(
        _cube_root,
        (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
        ),
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _cube_root(value: float) -> float:
    return math.cbrt(value) if value > 0.008856 else 7.787 * value + 16 / 116
