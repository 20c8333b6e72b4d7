"""The log of a printer: structured lines of limited length, of which the last are kept."""

import logging
from threading import Thread

import pytest

from custom_components.filament_slots.driver_log import (
    LINES_KEPT,
    LONGEST_LINE,
    DriverLog,
    LogLevel,
    LogLine,
)
from custom_components.filament_slots.drivers.message import (
    begin_message,
    correlation_id,
    end_message,
)

LOGGER = "custom_components.filament_slots"
MEGABYTE = "x" * 1_000_000


@pytest.fixture
def log() -> DriverLog:
    return DriverLog("X1C", "entry")


def _lines(log: DriverLog) -> list[LogLine]:
    """Return the lines that are kept."""
    lines: list[LogLine] = []
    log.follow(lines.append)()
    return lines


def test_a_record_names_entry_printer_and_message(
    log: DriverLog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        log.debug("Ignored: %s", "why", extra={"correlation_id": "01A", "more": 7})
        log.warning("Gone")

    about, other = caplog.records
    assert about.getMessage() == "X1C: Ignored: why [01A]"
    assert other.getMessage() == "X1C: Gone"
    assert about.funcName == "test_a_record_names_entry_printer_and_message"
    assert (about.__dict__["entry_id"], about.__dict__["printer"]) == ("entry", "X1C")
    assert (about.__dict__["correlation_id"], about.__dict__["more"]) == ("01A", 7)
    assert other.__dict__["correlation_id"] is None
    assert [line["correlation_id"] for line in _lines(log)] == ["01A", None]


def test_a_line_has_the_id_of_the_message_that_is_being_processed(
    log: DriverLog,
) -> None:
    token = begin_message()
    log.debug("Ignored")
    about = correlation_id()
    end_message(token)
    log.debug("Still unavailable")

    assert about is not None
    assert [line["correlation_id"] for line in _lines(log)] == [about, None]


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (5, LogLevel.DEBUG),
        (logging.DEBUG, LogLevel.DEBUG),
        (logging.INFO, LogLevel.INFO),
        (35, LogLevel.WARNING),
        (logging.ERROR, LogLevel.ERROR),
        (logging.CRITICAL, LogLevel.ERROR),
    ],
)
def test_a_line_has_one_of_four_levels(
    log: DriverLog, number: int, level: LogLevel
) -> None:
    log.log(number, "Line")

    assert [line["level"] for line in _lines(log)] == [level]


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (MEGABYTE, ()),
        ("Received %s", (MEGABYTE,)),
        ("Received %s", (ValueError(MEGABYTE),)),
        (f"{MEGABYTE} %s", ("end",)),
    ],
    ids=["text", "argument", "error", "template"],
)
def test_a_line_of_a_megabyte_is_cut_in_every_log(
    log: DriverLog,
    caplog: pytest.LogCaptureFixture,
    message: str,
    args: tuple[object, ...],
) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        log.debug(message, *args)

    (line,) = _lines(log)
    assert len(line["message"]) <= LONGEST_LINE
    assert line["message"].endswith("…")
    (record,) = caplog.records
    assert len(record.getMessage()) <= LONGEST_LINE + len("X1C: ")


def test_the_lines_of_a_flood_are_bounded(log: DriverLog) -> None:
    for _ in range(LINES_KEPT + 100):
        log.debug("Received %s", MEGABYTE)

    assert len(_lines(log)) == LINES_KEPT
    assert sum(len(line) for line in log.lines) <= LINES_KEPT * (LONGEST_LINE + 40)


def test_a_line_whose_arguments_do_not_fit_is_kept_without_them(log: DriverLog) -> None:
    template = "%d of %d"
    log.debug(template, "three")

    assert [line["message"] for line in _lines(log)] == ["%d of %d"]


def test_a_listener_gets_the_lines_before_it_and_those_after_from_any_thread(
    log: DriverLog,
) -> None:
    log.debug("before")
    lines: list[LogLine] = []
    end = log.follow(lines.append)
    thread = Thread(target=log.info, args=("after",))
    thread.start()
    thread.join()
    end()
    log.debug("too late")

    assert [line["message"] for line in lines] == ["before", "after"]
