"""The decoder of one connection: Klippy's states, the calls, the kept status."""

import logging
from typing import Any

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.drivers.moonraker_filament.state import (
    Ask,
    MoonrakerDecoder,
)

from .systems.klipper import Klipper, answer, info, notification
from .systems.statuses import COMMON, happy_hare, sensors, switch

RUNOUT = "filament_switch_sensor runout"


def asked(klipper: Klipper) -> Ask | None:
    """Return the decoder's next call."""
    return klipper.decoder.ask


def decoder() -> MoonrakerDecoder:
    return MoonrakerDecoder(logging.getLogger(__name__))


def status(**objects: Any) -> dict[str, Any]:
    return answer({"eventtime": 1.0, "status": objects})


def update(**objects: Any) -> dict[str, Any]:
    return notification("notify_status_update", objects, 1.0)


def filled() -> Klipper:
    klipper = Klipper({**sensors("runout"), RUNOUT: switch(True)})
    klipper.wait(60)
    return klipper


# What to ask.


def test_a_klippy_that_is_not_ready_is_polled() -> None:
    reader = decoder()
    assert reader.ask == Ask("server.info")
    for state in ("disconnected", "startup", "error"):
        reader.feed(info(state))
        assert reader.ask == Ask("server.info")
        assert reader.klippy_state == state
    reader.feed(info("ready"))
    assert reader.ask == Ask("printer.objects.list")


def test_everything_is_requested_once() -> None:
    klipper = Klipper(happy_hare(), spool_id=None)
    assert [ask.method for ask in klipper.asked] == [
        "server.info",
        "server.spoolman.status",
        "printer.objects.list",
        "printer.objects.subscribe",
    ]
    assert klipper.decoder.ask is None


def test_after_a_restart_everything_is_requested_again() -> None:
    klipper = filled()
    klipper.asked.clear()
    klipper.stop()
    assert klipper.decoder.ask == Ask("server.info")
    klipper.start()
    assert [ask.method for ask in klipper.asked] == [
        "printer.objects.list",
        "printer.objects.subscribe",
    ]


def test_a_spoolman_that_refuses_is_not_asked_twice() -> None:
    reader = decoder()
    reader.feed(info("ready", "spoolman"))
    ask = reader.ask
    assert ask == Ask("server.spoolman.status")
    reader.refused(ask)
    reader.feed(info("ready", "spoolman"))
    assert reader.ask == Ask("printer.objects.list")
    reader.refused(Ask("printer.objects.list"))
    assert reader.ask == Ask("printer.objects.list")


def test_a_repeated_list_changes_nothing() -> None:
    klipper = filled()
    klipper.receive(answer({"objects": [*klipper.status]}))
    assert asked(klipper) is None
    klipper.receive(
        answer({"objects": [*klipper.status, "filament_switch_sensor new"]})
    )
    again = asked(klipper)
    assert again is not None
    assert again.method == "printer.objects.subscribe"


# Klippy's life.


@pytest.mark.parametrize("state", ["shutdown", "disconnected"])
def test_the_values_of_a_klippy_that_is_down_are_frozen(state: str) -> None:
    klipper = filled()
    klipper.stop(state)
    assert klipper.frozen()
    klipper.change(RUNOUT, filament_detected=False)
    assert klipper.frozen()
    klipper.wait(300)
    assert klipper.happened == []


def test_a_shutdown_may_be_reported_by_an_object() -> None:
    klipper = filled()
    klipper.change("webhooks", state="shutdown")
    assert klipper.frozen()
    assert klipper.decoder.klippy_state == "shutdown"


def test_a_klippy_found_in_shutdown_is_not_trusted() -> None:
    reader = decoder()
    reader.feed(info("shutdown"))
    assert reader.feed(
        status(**{"webhooks": {"state": "shutdown"}, RUNOUT: switch()})
    ) is (None)
    assert reader.snapshot is None


def test_a_klippy_found_ready_is_trusted_at_once() -> None:
    klipper = Klipper(happy_hare(print_state="ready"))
    assert klipper.snapshot.complete
    assert not klipper.frozen()


def test_a_klippy_that_starts_is_trusted_once_its_system_is_ready() -> None:
    reader = Klipper(happy_hare(print_state="ready"))
    fresh = decoder()
    fresh.feed(info("startup"))
    fresh.feed(notification("notify_klippy_ready"))
    fresh.feed(answer({"objects": [*reader.status]}))
    assert fresh.feed(status(**reader.status)) is None
    assert fresh.snapshot is None
    snapshot = fresh.feed(update(mmu={"print_state": "initialized"}))
    assert snapshot is not None
    assert snapshot.complete


def test_a_klippy_first_reported_by_its_start_is_trusted_once_its_system_is_ready() -> (
    None
):
    fresh = decoder()
    fresh.feed(notification("notify_klippy_ready"))
    assert fresh.feed(status(**happy_hare(print_state="ready"))) is None
    assert fresh.snapshot is None


def test_answers_during_the_start_are_kept_when_klippy_is_ready() -> None:
    fresh = decoder()
    fresh.feed(info("startup"))
    assert fresh.feed(status(**sensors("runout"))) is not None  # webhooks reports ready
    other = decoder()
    other.feed(info("startup"))
    assert other.feed(status(**{RUNOUT: switch(True)})) is None
    snapshot = other.feed(notification("notify_klippy_ready"))
    assert snapshot is not None
    assert snapshot.direct_slots[0].present is True


def test_the_kept_status_is_published_with_the_answer_that_reports_ready() -> None:
    fresh = decoder()
    fresh.feed(info("startup"))
    fresh.feed(status(**{RUNOUT: switch(True), "webhooks": {"state": "startup"}}))
    snapshot = fresh.feed(
        status(**{RUNOUT: switch(True), "webhooks": {"state": "ready"}})
    )
    assert snapshot is not None
    assert snapshot.complete


def test_a_silent_restart_of_klippy_discards_the_status() -> None:
    klipper = filled()
    klipper.receive(info("startup"))
    assert klipper.frozen()
    klipper.receive(info("ready"))
    assert klipper.decoder.ask == Ask("printer.objects.list")


def test_the_status_before_a_restart_is_discarded() -> None:
    klipper = filled()
    klipper.stop()
    klipper.receive(notification("notify_klippy_ready"))
    assert klipper.decoder.system is None
    klipper.change(RUNOUT, filament_detected=False)
    assert klipper.frozen()
    klipper.start()
    assert not klipper.frozen()
    assert klipper.direct(1).present is False


def test_the_state_may_come_with_the_printers_info() -> None:
    klipper = filled()
    klipper.receive(answer({"state": "error", "state_message": "Config error"}))
    assert klipper.frozen()


# What is kept.


def test_only_changes_make_a_new_snapshot() -> None:
    klipper = filled()
    assert klipper.change(RUNOUT, filament_detected=True) is None
    assert klipper.change(RUNOUT, enabled=False) is None
    assert klipper.change("extruder", temperature=210.0) is None
    assert klipper.change("print_stats", state="complete") is None
    assert klipper.change(RUNOUT, filament_detected=False) is not None


def test_a_removed_object_is_unknown() -> None:
    klipper = filled()
    klipper.change(RUNOUT, filament_detected=None, enabled=None)
    assert klipper.direct(1).present is None
    klipper.wait(300)
    assert klipper.happened == []


def test_a_value_of_another_type_is_counted_and_the_last_one_stays() -> None:
    klipper = filled()
    wrong: list[Any] = ["true", 2, [], {}]
    for value in wrong:
        assert klipper.change(RUNOUT, filament_detected=value) is None
    assert klipper.decoder.counters.ignored == 4
    assert klipper.direct(1).present is True


def test_any_answer_with_a_status_is_an_observation() -> None:
    klipper = filled()
    snapshot = klipper.receive(status(**{RUNOUT: {"filament_detected": False}}))
    assert snapshot is not None
    assert klipper.direct(1).present is False


@pytest.mark.parametrize(
    "message",
    [
        {"method": "notify_status_update"},
        {"method": "notify_status_update", "params": []},
        {"method": "notify_status_update", "params": [5, 1.0]},
    ],
)
def test_an_invalid_update_is_counted_and_changes_nothing(
    message: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    klipper = filled()
    before = klipper.snapshot
    with caplog.at_level(logging.DEBUG):
        assert klipper.receive(message) is None
        assert klipper.receive(message) is None
    assert klipper.snapshot is before
    assert klipper.decoder.counters.decode_errors == 2
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"method": 5},
        {"params": []},
        answer({"spool_id": True}),
        answer({"spool_id": "seven"}),
    ],
)
def test_a_message_of_an_unknown_kind_is_counted(message: dict[str, Any]) -> None:
    klipper = filled()
    assert klipper.receive(message) is None
    assert klipper.decoder.counters.ignored == 1


@pytest.mark.parametrize(
    "message",
    [
        notification("notify_gcode_response", "// Klipper state: Disconnect"),
        notification("notify_proc_stat_update", {"cpu_temp": 40}),
        answer("ok"),
        answer({"connection_id": 5}),
        {"id": 1, "error": {"code": 400, "message": "no"}},
    ],
)
def test_messages_for_other_clients_are_not_counted(message: dict[str, Any]) -> None:
    klipper = filled()
    assert klipper.receive(message) is None
    assert klipper.decoder.counters.ignored == 0
    assert klipper.decoder.counters.decode_errors == 0


def test_an_object_without_fields_affects_no_other_object() -> None:
    klipper = filled()
    snapshot = klipper.receive(
        update(webhooks=5, **{RUNOUT: {"filament_detected": False}}, print_stats=[])
    )
    assert snapshot is not None
    assert klipper.direct(1).present is False
    assert klipper.decoder.counters.ignored == 2


# Spoolman.


def test_the_active_spool_of_another_spool_manager_is_ignored() -> None:
    klipper = Klipper(sensors("runout"))
    klipper.receive(notification("notify_active_spool_set", {"spool_id": 7}))
    assert not klipper.direct(1).identifiers.known
    with_spoolman = Klipper(sensors("runout"), spool_id=None)
    with_spoolman.receive(notification("notify_active_spool_set", {"spool_id": 7}))
    assert with_spoolman.direct(1).identifiers.external_id == "spoolman:7"


# Captures.


def test_a_capture_is_decoded_like_a_connection() -> None:
    decode = Driver.frame_decoder()
    objects = {**COMMON, RUNOUT: switch()}
    frames: list[dict[str, Any]] = [
        {"t": 0, "dir": "->", "frame": {"method": "printer.objects.subscribe"}},
        {"t": 1, "dir": "<-", "frame": status(**objects)},
        {"t": 2, "dir": "note", "note": "filament goes in"},
        {"t": 3, "dir": "<-", "frame": update(**{RUNOUT: {"filament_detected": True}})},
        {"t": 4, "dir": "<-", "frame": None},
        {"t": 5, "dir": "http", "status": 401},
        {"t": 6, "dir": "<-", "frame": notification("notify_klippy_shutdown")},
    ]
    shown = [decode(frame) for frame in frames]
    assert [snapshot is not None for snapshot in shown] == [
        False,
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert shown[3] is not None
    assert shown[3].direct_slots[0].present is True
    assert shown[6] is not None
    assert shown[6].frozen


def test_a_capture_without_a_list_has_the_objects_of_its_first_status() -> None:
    decode = Driver.frame_decoder()
    first = decode({"dir": "<-", "frame": status(**{RUNOUT: switch()})})
    assert first is not None
    assert [slot.label for slot in first.direct_slots] == ["runout"]
    assert first.complete


def test_a_capture_of_a_printer_without_slots_is_complete_too() -> None:
    snapshot = Driver.frame_decoder()(
        {"dir": "<-", "frame": status(save_variables={"variables": {"x": 1}})}
    )
    assert snapshot is not None
    assert snapshot.complete
    assert snapshot.direct_slots == ()
