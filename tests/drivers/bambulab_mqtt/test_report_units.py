"""Units in a report: model, serial, humidity, temperature, drying."""

import json
from typing import Any

import pytest

from .reports import (
    decoder,
    delta,
    feed,
    feed_raw,
    four,
    full,
    module,
    see,
    unit,
    unit_of,
    versions,
)

_SERIAL = "19C06A4B1234567"


@pytest.mark.parametrize(
    ("info", "model"),
    [
        ("1001", "AMS"),
        ("1101", "AMS"),
        ("1002", "AMS Lite"),
        ("30001005", "AMS Lite"),
        ("10002003", "AMS 2 Pro"),
        ("11002103", "AMS 2 Pro"),
        ("142024", "AMS HT"),
        ("1000", None),
        ("100F", None),
    ],
)
def test_a_unit_reports_its_model(info: str, model: str | None) -> None:
    assert see(full(unit(0, info=info), exist="0")).units[0].model == model


@pytest.mark.parametrize(
    ("unit_id", "name", "model"),
    [
        (0, "ams/0", "AMS"),
        (1, "ams_f1/1", "AMS Lite"),
        (2, "n3f/2", "AMS 2 Pro"),
        (128, "n3s/128", "AMS HT"),
    ],
)
def test_a_unit_without_info_is_what_get_version_calls_it(
    unit_id: int, name: str, model: str
) -> None:
    start = full(unit(unit_id, info=None), exist="0")
    answer = versions(module("ota", "x", product_name="Bambu Lab A1"), module(name, ""))
    assert see(start, answer).units[0].model == model


@pytest.mark.parametrize(
    ("printer", "unit_id", "model"),
    [
        ("Bambu Lab A1 mini", 0, "AMS Lite"),
        ("Bambu Lab P1S", 0, "AMS"),
        (None, 0, "AMS"),
        ("Bambu Lab H2D", 128, "AMS HT"),
    ],
)
def test_a_unit_without_a_model_is_what_its_printer_comes_with(
    printer: str | None, unit_id: int, model: str
) -> None:
    start = full(unit(unit_id, info=None), exist="0")
    answer = versions(module("ota", None, product_name=printer))
    assert see(start, answer).units[0].model == model


def test_before_get_version_was_answered_nothing_is_guessed() -> None:
    snapshot = see(full(unit(0, *four(1), info=None), unit(128, info=None), exist="f"))
    assert [each.model for each in snapshot.units] == [None, "AMS HT"]
    assert [each.slots_total for each in snapshot.units] == [4, 1]


def test_a_unit_of_an_unknown_kind_has_the_slots_it_reports() -> None:
    snapshot = see(full(unit(0, *four(1)[:2], info="9"), unit(1, info="9"), exist="3"))
    assert [each.slots_total for each in snapshot.units] == [2, 4]
    assert [len(each.slots) for each in snapshot.units] == [2, 4]


def test_a_single_slot_unit_has_one_slot_at_any_address() -> None:
    assert see(full(unit(1, info="2004"), exist="0")).units[0].slots_total == 1


def test_a_unit_without_a_place_in_the_bits_is_ignored() -> None:
    listener = decoder()
    start = full(unit(0, *four(1)), exist="f")
    start["print"]["ams"]["ams"].append(unit(0) | {"id": "7"})
    snapshot = feed(listener, start)
    assert snapshot is not None
    assert [each.ams_unit_no for each in snapshot.units] == [1]
    assert listener.counters.ignored == 1


def test_a_unit_whose_bit_is_clear_is_not_there() -> None:
    contradicting = full(unit(128), exist="f", ams={"ams_exist_bits": "1"})
    snapshot = see(contradicting)
    assert snapshot.complete
    assert snapshot.units == ()


def test_the_serial_a_unit_reports_needs_no_confirmation() -> None:
    listener = decoder()
    snapshot = feed(listener, full(unit(0, ams_id=_SERIAL), exist="0"))
    assert snapshot is not None
    assert snapshot.units[0].serial == _SERIAL
    assert snapshot.units[0].confirmed
    assert not listener.needs_versions


@pytest.mark.parametrize("ams_id", ["", "REDACTED", "**REDACTED**", "N/A", "19C0", 5])
def test_a_placeholder_is_no_serial(ams_id: object) -> None:
    listener = decoder()
    snapshot = feed(listener, full(unit(0, ams_id=ams_id), exist="0"))
    assert snapshot is not None
    assert snapshot.units[0].serial is None
    assert not snapshot.units[0].confirmed
    assert listener.needs_versions


def test_get_version_confirms_the_units_that_are_there() -> None:
    listener = decoder()
    feed(listener, full(unit(0), unit(1), exist="0"))
    answer = versions(module("n3f/0", _SERIAL), module("ams/1", None))
    snapshot = feed(listener, answer)
    assert snapshot is not None
    assert [(each.serial, each.confirmed) for each in snapshot.units] == [
        (_SERIAL, True),
        (None, True),
    ]
    assert not listener.needs_versions
    assert feed(listener, answer) is None


def test_an_answer_from_before_a_unit_appeared_confirms_nothing() -> None:
    listener = decoder()
    answer = versions(module("ota", None), module("ams/0", _SERIAL))
    assert feed(listener, answer) is None
    snapshot = feed(listener, full(unit(0), exist="0"))
    assert snapshot is not None
    assert (snapshot.units[0].serial, snapshot.units[0].confirmed) == (None, False)
    assert listener.needs_versions
    feed(listener, answer)
    assert not listener.needs_versions


@pytest.mark.parametrize("modules", [(), (module("ams/0", ""),)])
def test_a_unit_the_printer_has_not_asked_yet_is_not_confirmed(
    modules: tuple[dict[str, object], ...],
) -> None:
    listener = decoder()
    feed(listener, full(unit(0), exist="0"))
    feed(listener, versions(module("ota", None), *modules))
    assert listener.needs_versions


def test_a_unit_that_comes_back_must_be_confirmed_again() -> None:
    listener = decoder()
    start = full(unit(0), unit(1), exist="0")
    feed(listener, start)
    feed(listener, versions(module("ams/0", "006AAAAAA"), module("ams/1", "006BBBBBB")))
    feed(listener, delta(ams_exist_bits="1"))
    assert not listener.needs_versions
    snapshot = feed(listener, start)
    assert snapshot is not None
    assert [(each.serial, each.confirmed) for each in snapshot.units] == [
        ("006AAAAAA", True),
        (None, False),
    ]
    assert listener.needs_versions


def test_units_that_were_all_gone_must_be_confirmed_again() -> None:
    listener = decoder()
    start = full(unit(0), unit(1), exist="0")
    answer = versions(module("ams/0", "006AAAAAA"), module("ams/1", "006BBBBBB"))
    feed(listener, start)
    feed(listener, answer)
    feed(listener, delta(ams_exist_bits="0", tray_exist_bits="0"))
    assert not listener.needs_versions
    # The units may still be connected in another order after this answer.
    feed(listener, answer)
    snapshot = feed(listener, start)
    assert snapshot is not None
    assert not any(each.confirmed for each in snapshot.units)
    assert listener.needs_versions


def test_a_serial_that_two_units_claim_is_nobodys() -> None:
    listener = decoder()
    both = full(unit(0, ams_id=_SERIAL), unit(1, ams_id=_SERIAL), exist="0")
    snapshot = feed(listener, both)
    assert snapshot is not None
    assert [(each.serial, each.confirmed) for each in snapshot.units] == [
        (None, False),
        (None, False),
    ]


@pytest.mark.parametrize(
    ("values", "percent", "index"),
    [
        ({"humidity_raw": "23", "humidity": "4"}, 23, None),
        ({"humidity_raw": "0", "humidity": "5"}, None, None),
        ({"humidity_raw": None, "humidity": "5"}, None, 5),
        ({"humidity_raw": None, "humidity": "0"}, None, None),
        ({"humidity_raw": None, "humidity": "9"}, None, None),
        ({"humidity_raw": None, "humidity": "5", "info": "1002"}, None, None),
    ],
)
def test_humidity_is_a_percentage_or_else_an_index(
    values: dict[str, object], percent: float | None, index: int | None
) -> None:
    seen = see(full(unit(0, **values), exist="0")).units[0]
    assert (seen.humidity_percent, seen.humidity_index) == (percent, index)


@pytest.mark.parametrize(
    ("temp", "celsius"),
    [
        ("26.2", 26.2),
        (26.2, 26.2),
        ("-3.5", -3.5),
        ("0.0", None),
        ("1e9", None),
        ("nan", None),
        ("", None),
        (True, None),
        ([], None),
    ],
)
def test_the_temperature_is_believed_when_it_can_be(
    temp: object, celsius: float | None
) -> None:
    assert see(full(unit(0, temp=temp), exist="0")).units[0].temperature_c == celsius


@pytest.mark.parametrize(
    ("values", "minutes"),
    [
        ({"info": "142023", "dry_time": 583}, 583),
        ({"info": "1003", "dry_time": 0}, 0),
        ({"info": "1001", "dry_time": 0}, None),
        ({"info": "1003", "dry_time": -5}, None),
        ({"info": "1003", "dry_time": 10**9}, None),
    ],
)
def test_the_minutes_of_drying_are_those_of_units_that_can(
    values: dict[str, object], minutes: int | None
) -> None:
    seen = see(full(unit(0, **values), exist="0")).units[0]
    assert seen.drying_minutes_left == minutes


_NONSENSE: tuple[Any, ...] = ("x", [], {}, True, 10**25)


@pytest.mark.parametrize(
    ("key", "nonsense"),
    [
        *(
            (key, nonsense)
            for key in (
                "info",
                "dry_time",
                "humidity",
                "humidity_raw",
                "temp",
                "ams_id",
            )
            for nonsense in _NONSENSE
        ),
        ("info", -1),
        ("dry_time", -5),
        ("dry_time", 10**9),
        ("humidity_raw", "250"),
        ("humidity_raw", -1),
        ("humidity", "9"),
        ("temp", "1e9"),
        ("temp", "nan"),
        ("ams_id", "REDACTED"),
    ],
)
def test_a_value_that_makes_no_sense_is_counted_and_the_last_one_kept(
    key: str, nonsense: object
) -> None:
    listener = decoder()
    start = full(unit(0, *four(1), info="1023", dry_time=90, ams_id=_SERIAL), exist="0")
    before = feed(listener, start)
    message = delta(ams=[{"id": "0", key: nonsense}])
    assert feed_raw(listener, json.dumps(message)) is None
    assert listener.snapshot is before
    assert listener.counters.ignored == 1


def test_a_missing_number_is_unchanged_and_not_zero() -> None:
    snapshot = see(
        full(unit(0, *four(1), info="1003", dry_time=90), exist="f"),
        delta(ams=[{"id": "0", "temp": "55.0"}]),
    )
    seen = unit_of(snapshot, 1)
    assert (seen.temperature_c, seen.drying_minutes_left) == (55.0, 90)
    assert seen.humidity_percent == 23
