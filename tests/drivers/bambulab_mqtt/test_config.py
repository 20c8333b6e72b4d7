"""What people type in, and what it is taken for."""

from pydantic import ValidationError
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.config import Config
from tests.printers.certificates import make_certificate

GOOD = {"host": "printer", "serial": "01P09A000000002", "access_code": "c0d3c0d3"}


def test_what_is_typed_is_tidied() -> None:
    config = Config(host=" printer ", serial=" 01p09a000000002\n", access_code="c0d3")

    assert (config.host, config.serial, config.port) == (
        "printer",
        "01P09A000000002",
        8883,
    )
    assert config.certificate is None


def test_the_certificate_is_kept_as_it_is() -> None:
    pem = make_certificate("01P09A000000002").pem

    assert Config(**GOOD, certificate=pem).certificate == pem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", " "),
        ("port", 0),
        ("port", 65536),
        ("serial", "01P09A00000000"),
        ("serial", "01P09A00000000-"),
        ("serial", 15),
        ("access_code", ""),
        ("certificate", "no certificate s3cr3t"),
        ("certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
        ("surplus", "s3cr3t"),
    ],
)
def test_errors_name_the_field_and_never_the_value(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(GOOD | {field: value})

    assert [error["loc"][0] for error in caught.value.errors()] == [field]
    assert "s3cr3t" not in str(caught.value)


def test_the_access_code_shows_nowhere() -> None:
    config = Config(**GOOD)

    assert "c0d3c0d3" not in f"{config!r} {config} {config.model_dump_json()}"
