"""Reports as frames of a capture: what the decoder reads, and nothing else."""

import logging

import orjson
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.capture import as_frame
from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from tests.printers.bambu_scenarios import a2l, h2d, p1s, x1c


def test_a_report_keeps_what_is_about_filament_and_loses_all_else() -> None:
    report = {
        "command": "push_status",
        "msg": 1,
        "ams": {"tray_now": "255"},
        "gcode_state": "RUNNING",
        "gcode_file": "secret.3mf",
        "net": {"info": [{"ip": 16777343}]},
        "device": {"extruder": {"info": []}, "cam": {"key": "secret"}},
    }

    assert as_frame({"print": report}) == {
        "payload": {
            "print": {
                "command": "push_status",
                "msg": 1,
                "ams": {"tray_now": "255"},
                "gcode_state": "RUNNING",
                "device": {"extruder": {"info": []}},
            }
        }
    }


def test_a_report_that_mentions_no_filament_is_a_frame_without_content() -> None:
    report = {"command": "push_status", "msg": 1, "nozzle_temper": 210}

    assert as_frame({"print": report}) == {
        "payload": {"print": {"command": "push_status", "msg": 1}}
    }


def test_an_answer_keeps_the_identity_of_the_modules() -> None:
    module = {"name": "ota", "sn": "00M", "sw_ver": "01", "loader_ver": "x", "flag": 3}
    message = {"info": {"command": "get_version", "module": [module, "nonsense"]}}

    assert as_frame(message) == {
        "payload": {
            "info": {
                "command": "get_version",
                "module": [{"name": "ota", "sn": "00M", "sw_ver": "01"}],
            }
        }
    }


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"print": {"command": "ams_filament_setting", "ams": {"tray_now": "1"}}},
        {"print": []},
        {"system": {"command": "ledctrl"}},
        {"info": {"command": "get_version"}},
    ],
)
def test_what_the_decoder_passes_over_is_no_frame(message: object) -> None:
    assert as_frame(message) is None


def test_a_device_of_the_wrong_type_is_kept_for_the_decoder_to_refuse() -> None:
    assert as_frame({"print": {"device": 1}}) == {"payload": {"print": {"device": 1}}}


@pytest.mark.parametrize("value", [2**70, float("nan"), "\ud800"])
def test_a_frame_with_a_value_no_printer_sends_does_not_end_a_replay(
    value: object,
) -> None:
    decode = Driver.frame_decoder()
    report = p1s().report_full()
    report["print"]["ams"]["tray_now"] = value

    snapshots = [decode({"payload": each}) for each in (report, p1s().report_full())]

    assert any(snapshots)


@pytest.mark.parametrize("build", [x1c, p1s, a2l, h2d])
def test_a_frame_is_decoded_as_the_message_was(build: object) -> None:
    printer = build()  # type: ignore[operator]
    decoder, decode = ReportDecoder(logging.getLogger("tests")), Driver.frame_decoder()

    for message in (printer.report_full(), printer.versions("0"), printer.chatter()):
        frame = as_frame(message)
        snapshot = decoder.feed(orjson.dumps(message))
        assert (decode(frame) if frame is not None else None) == snapshot
