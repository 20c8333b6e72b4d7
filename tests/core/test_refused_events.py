"""What is kept of an event that was refused."""

import logging
from typing import Any

import pytest

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.history import read_failed_events

from .conftest import inserted, register


async def test_a_refused_event_is_kept_with_its_printer(
    handler: EventHandler, store: Store
) -> None:
    other = await register(handler, "OTHER")
    await handler.handle_printer_event(inserted(1, 0) | {"printer_id": other})
    await handler.handle_printer_event({"printer_id": 99})
    first, second = await read_failed_events(store)
    assert (first.printer_id, second.printer_id) == (other, None)


async def test_what_json_does_not_know_is_kept_as_text(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event({"note": "kept", "at": 1 + 2j})
    (failed,) = await read_failed_events(store)
    assert failed.payload == {"note": "kept", "at": "(1+2j)"}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({}, "an event"),
        ({"event_id": 7, "meta": {"correlation_id": "01C"}}, "an event"),
        ({"event_id": "01E", "meta": {"correlation_id": 7}}, "event 01E"),
        ({"event_id": "01E", "meta": {"correlation_id": "01C"}}, "event 01E [01C]"),
        ({"event_id": "E" * 1_000_000}, f"event {'E' * 26}"),
    ],
    ids=["no id", "wrong id", "no message", "message", "long id"],
)
async def test_why_an_event_is_rejected_is_logged_with_its_message(
    handler: EventHandler,
    caplog: pytest.LogCaptureFixture,
    event: dict[str, Any],
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await handler.handle_printer_event(event) is Outcome.REJECTED
    assert any(
        message.startswith(f"Rejected {name}: ") and "event_type is missing" in message
        for message in caplog.messages
    )
