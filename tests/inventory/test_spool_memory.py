"""What is remembered of spools while their server is away."""

from datetime import UTC, datetime
import json

import pytest

from custom_components.filament_slots.inventory.base import Spool
from custom_components.filament_slots.inventory.spool_memory import (
    pack_spools,
    unpack_spools,
)

FULL = Spool(
    id=3,
    registered=datetime(2026, 1, 1, 12, 30, 0, 123456, UTC),
    name="Jade White",
    vendor="Acme",
    material="PLA",
    colors=("#FFFFFF", "#00000080"),
    remaining_g=412.5,
    weight_g=1000.0,
    location="",
    archived=True,
    tags=("75886B1D",),
    extra={"nfc": "75886B1D"},
    filament_numbers={"low": 100.0},
)
EMPTY = Spool(id=0, registered=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_spool_is_the_same_after_a_restart() -> None:
    stored = json.loads(json.dumps(pack_spools([FULL, EMPTY])))

    assert unpack_spools(stored) == {3: FULL, 0: EMPTY}


@pytest.mark.parametrize(
    "stored", [None, "text", {}, [None], [{"id": "x"}], [{"id": 1, "registered": "?"}]]
)
def test_what_makes_no_sense_is_left_out(stored: object) -> None:
    assert unpack_spools(stored) == {}
