"""Messages of Moonraker as frames of a capture: what the decoder reads, nothing else."""

from typing import Any

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.capture import as_frame


@pytest.mark.parametrize(
    "value",
    [
        {"method": "notify_klippy_ready"},
        {"method": "notify_status_update", "params": [{"mmu": {"gate": 1}}, 1.0]},
        {"method": "notify_active_spool_set", "params": [{"spool_id": 8}]},
        {"id": 3, "result": {"status": {"mmu": {"gate": 1}}}},
        {"id": 3, "result": {"objects": ["mmu"]}},
        {"id": 3, "result": {"spool_id": None}},
        {"id": 3, "result": {"klippy_state": "ready", "components": ["spoolman"]}},
    ],
)
def test_what_the_decoder_reads_is_kept(value: dict[str, Any]) -> None:
    message = {"jsonrpc": "2.0", **value}

    assert as_frame(message) == {"dir": "<-", "frame": message}


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (
            {"klippy_state": "ready", "warnings": ["/home/user"]},
            {"klippy_state": "ready", "components": None},
        ),
        (
            {"state": "error", "state_message": "/home/user", "hostname": "voron"},
            {"state": "error", "state_message": ""},
        ),
        ({"status": {}, "eventtime": 3.0}, {"status": {}}),
    ],
)
def test_of_an_answer_only_what_is_read_is_kept(result: object, kept: object) -> None:
    frame = as_frame({"jsonrpc": "2.0", "id": 1, "result": result})

    assert frame is not None
    assert frame["frame"]["result"] == kept


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"method": "notify_gcode_response", "params": ["// secret"]},
        {"method": 1},
        {"id": 1, "error": {"code": 503, "message": "secret"}},
        {"id": 1, "result": "ok"},
        {"id": 1, "result": {"value": "0123456789abcdef0123456789abcdef"}},
    ],
)
def test_what_the_decoder_passes_over_is_no_frame(message: object) -> None:
    assert as_frame(message) is None
