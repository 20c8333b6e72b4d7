"""Materials of filament: which of them are the same."""

import pytest

from custom_components.filament_slots.materials import same_material


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PLA", "PLA"),
        ("PLA", "PLA Basic"),
        ("pla", "Silk PLA+"),
        ("PLA-CF", "PLA"),
        ("PA", "PA6-CF"),
        ("PAHT-CF", "Nylon"),
        ("TPU", "TPU 95A"),
        ("PC", "PC-ABS"),
        ("ePLA", "PLA"),
        ("Wood", "wood"),
    ],
)
def test_a_family_is_one_material(one: str, other: str) -> None:
    assert same_material(one, other) is True
    assert same_material(other, one) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PLA", "PETG"),
        ("PET-CF", "PETG-CF"),
        ("PA", "PPA"),
        ("ABS", "ASA"),
        ("PC", "PCTG"),
        ("TPU", "TPE"),
    ],
)
def test_another_family_is_another_material(one: str, other: str) -> None:
    assert same_material(one, other) is False
    assert same_material(other, one) is False


@pytest.mark.parametrize(
    ("one", "other"),
    [(None, "PLA"), ("PLA", None), (None, None), ("", "PLA"), ("Wood", "PLA")],
)
def test_what_is_not_known_is_neither(one: str | None, other: str | None) -> None:
    assert same_material(one, other) is None
