"""Nonsense is counted, logged once, and changes nothing."""

from collections.abc import Iterator
from copy import deepcopy
import json
import logging
from typing import Any

from hypothesis import given, settings, strategies as st
import orjson
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt import (
    report as report_module,
)
from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.model import UnitState

from .reports import (
    bambu_spool,
    decoder,
    delta,
    feed,
    feed_raw,
    four,
    full,
    report,
    see,
    unit,
    versions,
    x1c,
)

_TOO_DEEP = b'{"print":' * 3000 + b"1" + b"}" * 3000


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b'{"print":{"command":"push_status"',
        b"[1, 2]",
        b"null",
        b"3",
        b'{"print":{"ams":NaN}}',
        _TOO_DEEP,
        b"[" * 100_000,
        b'"' + b"x" * 10_000_000 + b'"',
        b'{"print":{"x":"' + b"x" * 10_000_000 + b'"}}',
        bytearray(b"{"),
        "{",
        "\ud800",
    ],
    ids=[
        "nothing",
        "no JSON",
        "no UTF-8",
        "cut off",
        "a list",
        "null",
        "a number",
        "NaN",
        "too deep an object",
        "too deep a list",
        "too large a text",
        "too large an object",
        "a bytearray",
        "text that is cut off",
        "half a surrogate",
    ],
)
def test_a_message_that_cannot_be_read_is_counted_and_changes_nothing(
    payload: bytes | str,
) -> None:
    listener = decoder()
    before = feed(listener, x1c())
    assert feed_raw(listener, payload) is None
    assert listener.snapshot is before
    assert listener.counters.decode_errors == 1


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"print": 5},
        {"print": []},
        {"print": {"command": 5}},
        {"print": {"command": ["push_status"]}},
        {"info": {"command": "get_version", "module": {}}},
        report(0, ams=5),
        report(0, ams={"ams": {}}),
        report(0, ams={"ams_exist_bits": "xyz"}),
        report(0, ams={"tray_exist_bits": []}),
        report(0, ams={"tray_exist_bits": -1}),
        report(0, ams={"tray_exist_bits": "1" * 40}),
        report(0, ams={"tray_exist_bits": "0x1"}),
        report(0, ams={"tray_exist_bits": True}),
        report(1, ams={"ams": [unit(0, tray=5)]}),
        report(1, ams={"ams": [unit(0, {"id": "9"})]}),
        report(1, ams={"ams": [unit(0, {"id": -1})]}),
        report(1, ams={"ams": [unit(0, {"id": 10**30})]}),
        report(1, ams={"ams": [unit(0, {"id": True})]}),
        report(1, ams={"tray_now": {}}),
        report(1, ams={"insert_flag": "no"}),
        *(
            report(1, ams={"ams": [unit(0, bambu_spool(0, 77, **{key: []}))]})
            for key in ("tag_uid", "tray_uuid", "tray_type", "tray_color", "remain")
        ),
        report(1, ams={"ams": [unit(0, bambu_spool(0, 77, cols="FF0000FF"))]}),
        report(1, vt_tray=[]),
        report(1, vt_tray={"tray_type": 5}),
        report(1, vir_slot=[{"id": "255", "tray_type": 5}]),
        report(1, device={"extruder": {"state": "x"}}),
        report(1, device={"extruder": {"info": {}}}),
        report(1, vir_slot={}),
        report(1, device=[]),
        report(1, device={"extruder": []}),
        report(1, device={"extruder": {"info": [5]}}),
        report(1, gcode_state=5),
        report(1, hms={}),
    ],
    ids=str,
)
def test_a_part_of_the_wrong_type_is_counted_and_changes_nothing(
    message: dict[str, Any],
) -> None:
    listener = decoder()
    before = feed(listener, full(unit(0, *four(1)), exist="f"))
    raw = json.dumps(message)
    assert feed_raw(listener, raw) is None
    assert listener.snapshot is before
    assert listener.counters.ignored == 1
    assert listener.counters.decode_errors == 0


def test_what_is_merely_empty_is_not_counted() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    empty = report(
        1, ams={"tray_exist_bits": "", "ams_exist_bits": None}, hms=None, device={}
    )
    assert feed(listener, empty) is None
    assert listener.counters.ignored == 0


def test_a_report_with_damaged_text_is_read_all_the_same() -> None:
    listener = decoder()
    payload = orjson.dumps(full(unit(0, *four(1)), exist="f", subtask_name="W_rfel"))
    assert listener.feed(payload.replace(b"W_rfel", b"W\xfcrfel")) is not None
    assert listener.counters.decode_errors == 0


def test_a_report_may_come_as_text() -> None:
    assert decoder().feed(json.dumps(x1c())) is not None


def test_each_kind_of_nonsense_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    listener = decoder()
    for _ in range(5):
        listener.feed(b"{")
        feed(listener, report(1, ams=5))
    assert len(caplog.records) == 2
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (report(1, ams=5), "ams has the wrong type"),
        (report(1, ams={"ams": {}}), "ams is no list"),
        (delta(tray_exist_bits="xyz"), "tray_exist_bits makes no sense"),
        (delta(ams=[unit(77)]), "a unit of an unknown kind"),
        (delta(ams=[unit(0), unit(0)]), "a unit listed twice"),
        (delta(ams=[unit(0, tray=5)]), "tray is no list"),
        (delta(ams=[unit(0, {"id": "9"})]), "a tray that the unit cannot have"),
        (delta(ams=[unit(0, {"id": "1"}, {"id": "1"})]), "a tray listed twice"),
        (delta(ams=[unit(0, {"id": "1", "cols": 5})]), "a tray has the wrong types"),
        (report(1, vir_slot=[{"id": "3"}]), "an external holder of an unknown kind"),
        (report(1, device={"extruder": []}), "the extruders have the wrong type"),
        (report(1, device={"extruder": {"info": {}}}), "info is no list"),
        (
            report(1, device={"extruder": {"info": [5]}}),
            "an extruder has the wrong type",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_log_contains_why_a_part_was_left_out(
    message: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, message)
    assert caplog.messages == [f"Ignored, and not logged again: {reason}"]


def test_nonsense_in_a_report_that_is_not_believed_is_logged_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, delta(ams=[unit(77)], ams_exist_bits="0"))
    assert "a unit of an unknown kind" in caplog.text
    assert listener.counters.decode_errors == 0


def test_tags_never_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    listener = decoder()
    feed(listener, full(unit(0, *four(0xABCD), *four(0xABCD)), exist="zz"))
    feed(listener, delta(ams=[unit(9, *four(0xABCD))]))
    assert caplog.records
    assert "ABCD" not in caplog.text


def test_even_a_mistake_of_ours_does_not_cost_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = decoder()
    before = feed(listener, full(unit(0, *four(1)), exist="f"))

    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    with monkeypatch.context() as patched:
        patched.setattr(report_module, "merge", broken)
        assert feed(listener, delta(tray_exist_bits="0")) is None
    assert listener.snapshot is before
    assert listener.counters.decode_errors == 1
    assert feed(listener, delta(tray_exist_bits="1")) is not None


# Reports that were real once, with anything at all put anywhere.

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["255", "0", "f", "10eff", "1000", "-1", "nan", "00000000", "16"])
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "tray", "ams", "info", "state", "snow", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_ANSWER = versions(
    {"name": "ota", "sn": "00M00A123456789", "sw_ver": "1", "hw_ver": "N/A"},
    {"name": "ams/0", "sn": "00600A071815F"},
    {"name": "n3s/128", "sn": "19F00A071815F"},
)


def _small() -> dict[str, Any]:
    return full(
        unit(0, *four(1)),
        unit(128, four(2)[0]),
        exist="1000f",
        vir_slot=[{"id": "254"}, {"id": "255"}],
        vt_tray={"id": "254", "tray_type": "PLA"},
        device={"extruder": {"info": [{"id": 0, "snow": 1}], "state": 1}},
    )


def _places(node: object) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a message with each of its keys."""
    keys: Any = node if isinstance(node, dict) else range(len(node))  # type: ignore[arg-type]
    for key in keys:
        yield node, key
        inner = node[key]  # type: ignore[index]
        if isinstance(inner, dict | list):
            yield from _places(inner)


@st.composite
def _mutations(draw: st.DrawFn) -> dict[str, Any]:
    message: dict[str, Any] = deepcopy(draw(st.sampled_from([_small(), _ANSWER])))
    for _ in range(draw(st.integers(1, 4))):
        if not (places := list(_places(message))):
            break
        container, key = places[draw(st.integers(0, len(places) - 1))]
        if draw(st.booleans()):
            container[key] = draw(_ANYTHING)
        elif isinstance(container, list):
            container.append(deepcopy(container[key]))
        else:
            del container[key]
    return message


def _check(snapshot: Snapshot) -> None:
    """What is decoded has room in a standard event and nothing is there twice."""
    numbers = [each.ams_unit_no for each in snapshot.units]
    assert len(numbers) == len(set(numbers))
    for each in snapshot.units:
        assert 1 <= each.ams_unit_no <= 13
        assert len(each.slots) <= each.slots_total <= 4
        UnitState(
            ams_unit_no=each.ams_unit_no,
            slots_total=each.slots_total,
            serial=each.serial,
            model=each.model,
            label=each.label,
            humidity_percent=each.humidity_percent,
            humidity_index=each.humidity_index,
            temperature_c=each.temperature_c,
            drying_minutes_left=each.drying_minutes_left,
            slots=(),
        )
    serials = [each.serial for each in snapshot.units if each.serial]
    assert len(serials) == len(set(serials))
    assert len(snapshot.direct_slots) <= 2


@settings(max_examples=150, deadline=None)
@given(st.lists(_mutations(), min_size=1, max_size=4))
def test_no_report_whatsoever_breaks_the_decoder(
    messages: list[dict[str, Any]],
) -> None:
    listener = decoder()
    feed(listener, _small())
    for message in messages:
        listener.feed(json.dumps(message))
        assert listener.snapshot is not None
        _check(listener.snapshot)
    # Whatever came before, a valid full report corrects the state.
    feed(listener, _small())
    feed(listener, x1c())
    assert listener.snapshot is not None
    assert [slot.present for slot in listener.snapshot.units[0].slots] == [True] * 4


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_whatsoever_break_the_decoder(payload: bytes | str) -> None:
    listener = decoder()
    before = feed(listener, _small())
    assert feed_raw(listener, payload) is None
    assert listener.snapshot is before


@settings(max_examples=100, deadline=None)
@given(st.lists(_mutations(), min_size=1, max_size=4))
def test_a_repeated_message_changes_nothing(messages: list[dict[str, Any]]) -> None:
    listener = ReportDecoder(logging.getLogger(__name__))
    for message in messages:
        raw = json.dumps(message)
        listener.feed(raw)
        assert feed_raw(listener, raw) is None


def test_parts_in_any_order_make_the_same_snapshot() -> None:
    start = full(unit(0, *four(1)), unit(1, *four(2)), exist="ff")
    first = delta(ams=[unit(0, {"id": "0"})], tray_exist_bits="fe")
    second = report(1, gcode_state="RUNNING", ams={"tray_now": "5"})
    assert see(start, first, second) == see(start, second, first)
