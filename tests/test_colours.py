"""Colours of filament: names as the cards have them, and distances."""

from pathlib import Path
import re

import pytest

from custom_components.filament_slots.colours import (
    NEAR,
    Rgb,
    colour_name,
    colour_names,
    distance,
    parse_colour,
)

CARDS = Path(__file__).parents[1] / "frontend" / "tests" / "colour.test.ts"


def test_colours_have_the_names_that_the_cards_give_them() -> None:
    named = CARDS.read_text().partition("the name of a colour")[2]
    cases = re.findall(r'\["(#[0-9A-Fa-f]+)", "(\w+)"\]', named)

    assert len(cases) > 10
    assert {text: colour_name(text) for text, _ in cases} == dict(cases)


@pytest.mark.parametrize("text", ["", "red", "#12345", "#GG0000"])
def test_anything_else_is_no_colour(text: str) -> None:
    assert parse_colour(text) is None
    assert colour_name(text) is None
    assert colour_names([text]) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 0), (255, 255, 255), 100.0),
        ((255, 0, 0), (255, 0, 0), 0.0),
        ((255, 0, 0), (0, 255, 0), 170.6),
        ((0, 0, 255), (0, 255, 0), 258.7),
    ],
)
def test_the_distance_is_that_of_cielab(one: Rgb, other: Rgb, expected: float) -> None:
    assert distance(one, other) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ((0xFF, 0x6A, 0x13), (0xFF, 0x80, 0x20), True),
        ((0x00, 0xAE, 0x42), (0x10, 0x10, 0x10), False),
        ((0xFF, 0x00, 0x00), (0xF4, 0x10, 0x10), True),
        ((0xFF, 0x00, 0x00), (0xFF, 0x6A, 0x13), False),
    ],
)
def test_two_shades_of_a_colour_are_near_each_other(
    one: Rgb, other: Rgb, near: bool
) -> None:
    assert (distance(one, other) <= NEAR) is near
