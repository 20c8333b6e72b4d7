"""What the printer is asked, and how seldom."""

from dataclasses import dataclass
import math
from typing import Any, cast

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.requests import (
    GET_VERSION,
    PUSHALL,
    Requests,
)


@dataclass
class Decoder:
    """Lacks nothing unless a test sets it otherwise."""

    needs_versions: bool = False
    needs_everything: bool = False


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture
def requests(decoder: Decoder) -> Requests:
    """Return requests that were opened at 100 s."""
    requests = Requests(cast(Any, decoder))
    assert requests.opening(100) == [GET_VERSION, PUSHALL]
    return requests


def asked(requests: Requests, until: float) -> list[tuple[float, str]]:
    """Let the time pass; return what is asked and when."""
    log = []
    while (at := requests.next_at()) <= until:
        now = max(at, 100)
        log += [(now, request) for request in requests.due(now)]
    return log


def test_nothing_more_is_asked_when_nothing_is_missing(requests: Requests) -> None:
    assert requests.next_at() == math.inf
    assert requests.due(10_000) == []


def test_versions_are_asked_when_a_unit_appears_and_twice_again(
    requests: Requests, decoder: Decoder
) -> None:
    decoder.needs_versions = True
    assert asked(requests, 1000) == [
        (100, GET_VERSION),
        (105, GET_VERSION),
        (110, GET_VERSION),
    ]


def test_each_appearance_has_its_own_three_tries(
    requests: Requests, decoder: Decoder
) -> None:
    decoder.needs_versions = True
    assert len(asked(requests, 1000)) == 3
    decoder.needs_versions = False
    assert requests.due(200) == []
    decoder.needs_versions = True

    assert len(asked(requests, 1000)) == 3


def test_everything_is_asked_once_a_minute_while_it_is_needed(
    requests: Requests, decoder: Decoder
) -> None:
    decoder.needs_everything = True
    assert requests.due(159) == []
    assert asked(requests, 300) == [(160, PUSHALL), (220, PUSHALL), (280, PUSHALL)]


def test_a_wish_is_fulfilled_once_and_not_before_a_minute_is_over(
    requests: Requests,
) -> None:
    requests.want_everything()
    requests.want_everything()

    assert requests.due(130) == []
    assert asked(requests, 1000) == [(160, PUSHALL)]
