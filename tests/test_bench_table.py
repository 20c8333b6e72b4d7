"""The table that scripts/bench prints."""

import pytest

from scripts.tools.bench_table import Bar


@pytest.mark.parametrize(
    ("unit", "number", "printed"),
    [
        ("ms", 0.22351, "0.2235 ms"),
        ("B", 6934.4, "6,934 B"),
        ("events/s", 12700, "12,700 events/s"),
        ("/s", 101, "101/s"),
        ("/s", 0, "0/s"),
        ("", 501_600, "501,600"),
    ],
)
def test_a_number_is_printed_with_its_unit(
    unit: str, number: float, printed: str
) -> None:
    assert Bar("A thing", unit).row(number) == f"| A thing | {printed} | | |"


@pytest.mark.parametrize(
    ("sign", "number", "verdict"),
    [
        ("≤", 5, "met"),
        ("≤", 5.1, "MISSED"),
        ("≥", 5, "met"),
        ("≥", 4.9, "MISSED"),
        ("<", 4.9, "met"),
        ("<", 5, "MISSED"),
    ],
)
def test_a_bar_is_met_or_missed(sign: str, number: float, verdict: str) -> None:
    row = Bar("A thing", "/s", sign, 5).row(number)

    assert row == f"| A thing | {number:.4g}/s | {sign} 5/s | {verdict} |"


def test_a_rate_in_a_description_stays_as_it_is() -> None:
    assert Bar("CPU at 10/s", "ms").row(1).startswith("| CPU at 10/s | 1 ms |")
