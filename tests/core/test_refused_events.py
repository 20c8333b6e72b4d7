"""What is kept of an event that was refused."""

import logging

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


async def test_why_an_event_is_rejected_is_logged(
    handler: EventHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await handler.handle_printer_event({}) is Outcome.REJECTED
    assert any(
        message.startswith("Rejected an event: ") and "event_type is missing" in message
        for message in caplog.messages
    )
