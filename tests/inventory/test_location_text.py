"""The text of a location: what a template names, and never more than 64 characters."""

import pytest

from custom_components.filament_slots.location_text import (
    DEFAULT_TEMPLATE,
    cut,
    full_text,
    is_template,
    location_text,
)

PARTS = {"printer": "X1C", "slot": "A3"}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (DEFAULT_TEMPLATE, "X1C A3"),
        ("{printer} / {slot}", "X1C / A3"),
        ("  Drucker:\n{slot} ", "Drucker: A3"),
        ("{slot}{slot}", "A3A3"),
    ],
)
def test_a_template_names_printer_and_slot_in_one_line(
    template: str, text: str
) -> None:
    assert is_template(template)
    assert location_text(template, PARTS) == text


@pytest.mark.parametrize(
    "template", ["", "{printer}", "Shelf", "{slot} {unit}", "{slot", "{{slot}}", "{}"]
)
def test_a_template_without_the_slot_or_with_anything_else_is_none(
    template: str,
) -> None:
    assert not is_template(template)


def test_names_with_braces_and_line_breaks_are_texts() -> None:
    parts = {"printer": "{slot}\x00\n", "slot": "A3"}

    assert location_text(DEFAULT_TEMPLATE, parts) == "{slot} A3"


@pytest.mark.parametrize("length", [61, 62, 63, 200])
def test_the_printer_is_cut_before_the_slot(length: int) -> None:
    parts = {"printer": "x" * length, "slot": "A3"}

    text = location_text(DEFAULT_TEMPLATE, parts)

    assert len(text) <= 64
    assert text.endswith(" A3")
    assert (len(full_text(DEFAULT_TEMPLATE, parts)) > 64) == ("…" in text)


def test_a_text_that_is_too_long_without_the_printer_is_cut_at_its_end() -> None:
    text = location_text("{slot} " + "y" * 80, PARTS)

    assert text == "A3 " + "y" * 61


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("ab cd", 3, "ab"),
        ("ae\u0301x", 2, "a"),
        ("a" + FAMILY + "x", 4, "a"),
        ("a\u2764\ufe0fx", 2, "a"),
        ("\u0301\u0301", 1, ""),
    ],
)
def test_nothing_is_cut_within_what_is_shown_as_one_character(
    text: str, length: int, kept: str
) -> None:
    assert cut(text, length) == kept
