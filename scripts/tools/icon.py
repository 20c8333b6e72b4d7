"""Draw the brand icon: a spool of filament standing in its slot."""

from math import cos, sin, tau
from pathlib import Path

from PIL import Image, ImageDraw

BRAND = Path(__file__).parents[2] / "custom_components" / "filament_slots" / "brand"

SLOT = "#37474f"
FLANGE = "#eceff1"
FLANGE_EDGE = "#b0bec5"
FILAMENT = "#ff7a1a"
WINDING = "#d95f0e"
HUB = "#263238"

# Drawn on a grid of 256 units, four times as fine as the larger icon needs.
GRID = 256
FINE = 8


def main() -> None:
    """Write icon.png and icon@2x.png."""
    drawing = draw()
    for name, size in (("icon.png", 256), ("icon@2x.png", 512)):
        drawing.resize((size, size), Image.Resampling.LANCZOS).save(
            BRAND / name, optimize=True
        )


def draw() -> Image.Image:
    """Return the icon, large."""
    image = Image.new("RGBA", (GRID * FINE, GRID * FINE))
    pen = ImageDraw.Draw(image)

    def disc(x: float, y: float, radius: float, colour: str) -> None:
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse([edge * FINE for edge in box], fill=colour)

    def block(box: tuple[float, ...], radius: float, colour: str) -> None:
        pen.rounded_rectangle([edge * FINE for edge in box], radius * FINE, fill=colour)

    # The strand that leaves the spool upwards.
    block((203, 6, 213, 112), 6, FILAMENT)
    disc(128, 112, 100, FLANGE_EDGE)
    disc(128, 112, 95, FLANGE)
    disc(128, 112, 84, WINDING)
    for radius, colour in (
        (81, FILAMENT),
        (67, WINDING),
        (64, FILAMENT),
        (50, WINDING),
    ):
        disc(128, 112, radius, colour)
    disc(128, 112, 47, FLANGE)
    disc(128, 112, 22, HUB)
    for hole in range(6):
        angle = tau * hole / 6
        disc(128 + 35 * sin(angle), 112 - 35 * cos(angle), 6, HUB)

    # The slot in front of it, with its lamp.
    block((16, 166, 240, 250), 26, SLOT)
    block((96, 200, 160, 216), 8, FILAMENT)
    return image


if __name__ == "__main__":
    main()
