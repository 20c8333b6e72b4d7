"""The address that a user pastes, and the header of a key."""

from typing import Any

from pydantic import ValidationError
import pytest

from custom_components.filament_slots.inventory.spoolman.config import Config
from custom_components.filament_slots.inventory.spoolman.url import (
    as_address,
    base_urls,
)


@pytest.mark.parametrize(
    ("address", "bases"),
    [
        ("spoolman.local", ["http://spoolman.local:7912"]),
        ("192.0.2.7:8000", ["http://192.0.2.7:8000"]),
        (" http://192.0.2.7:7912/ ", ["http://192.0.2.7:7912"]),
        ("http://spool.example.org", ["http://spool.example.org"]),
        ("2001:db8::7", ["http://[2001:db8::7]:7912"]),
        ("[2001:db8::7]:8000", ["http://[2001:db8::7]:8000"]),
        (
            "https://example.org/spoolman/spool/show/5?tab=1#x",
            [
                "https://example.org/spoolman/spool/show/5",
                "https://example.org/spoolman/spool/show",
                "https://example.org/spoolman/spool",
                "https://example.org/spoolman",
                "https://example.org",
            ],
        ),
        (
            "spool.lan/api/v1",
            [
                "http://spool.lan:7912/api/v1",
                "http://spool.lan:7912/api",
                "http://spool.lan:7912",
            ],
        ),
        ("http://h/a%20b", ["http://h/a%20b", "http://h"]),
    ],
)
def test_a_server_may_be_at_the_address_or_above_it(
    address: str, bases: list[str]
) -> None:
    assert [as_address(base) for base in base_urls(address)] == bases


def test_a_path_without_end_is_cut() -> None:
    assert len(base_urls("http://h" + "/a" * 500)) == 9


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://h", "must begin with http or https"),
        ("http://", "has no host"),
        ("http://user:s3cr3t@h", "must not hold a user name or a password"),
        ("http://h:0", "must have a port between 1 and 65535"),
        ("http://h:99999", "is neither a host nor a URL"),
        ("my host", "has no host"),
        ("http://[::1", "is neither a host nor a URL"),
        ("http://a..b\u2024", "is neither a host nor a URL"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(
    address: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        base_urls(address)

    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"api_key": "  "}, {}),
        ({"api_key": " key "}, {"X-API-Key": "key"}),
        (
            {"api_key": "Bearer key", "api_key_header": "Authorization"},
            {"Authorization": "Bearer key"},
        ),
    ],
)
def test_a_key_is_a_header(fields: dict[str, Any], headers: dict[str, str]) -> None:
    assert Config(url="h", **fields).headers == headers


@pytest.mark.parametrize(
    "fields",
    [
        {"url": ""},
        {"url": "x" * 600},
        {"api_key": "a\r\nHost: b"},
        {"api_key": 5},
        {"api_key_header": "X API"},
        {"api_key_header": "X-Key:\n"},
        {"api_key_header": ""},
    ],
)
def test_what_is_no_header_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"url": "h", **fields})
