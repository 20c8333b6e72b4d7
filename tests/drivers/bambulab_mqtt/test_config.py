"""What people type in, and what it is taken for."""

from pydantic import ValidationError
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.config import Config
from tests.printers.certificates import make_certificate

GOOD = {"host": "printer", "serial": "01P09A000000002", "access_code": "c0d3c0d3"}


def test_what_is_typed_is_tidied() -> None:
    config = Config(
        host=" printer ", serial=" 01p09a000000002\n", access_code=" c0d3c0d3 "
    )

    assert (config.host, config.serial, config.port) == (
        "printer",
        "01P09A000000002",
        8883,
    )
    assert config.access_code.get_secret_value() == "c0d3c0d3"
    assert config.certificate is None


@pytest.mark.parametrize(
    ("typed", "host", "port"),
    [
        ("192.0.2.4", "192.0.2.4", 8000),
        ("192.0.2.4:8884", "192.0.2.4", 8884),
        ("http://192.0.2.4/", "192.0.2.4", 8000),
        ("https://printer.lan:8884/x?a=b", "printer.lan", 8884),
        ("mqtts://printer.lan", "printer.lan", 8000),
        ("fd00::2", "fd00::2", 8000),
        ("[fd00::2]:8884", "fd00::2", 8884),
    ],
)
def test_an_address_may_be_a_url_or_hold_a_port(
    typed: str, host: str, port: int
) -> None:
    config = Config(**GOOD | {"host": typed}, port=8000)

    assert (config.host, config.port) == (host, port)
    assert Config.model_validate(config.model_dump()) == config


def test_the_certificate_is_kept_as_it_is() -> None:
    pem = make_certificate("01P09A000000002").pem

    assert Config(**GOOD, certificate=pem).certificate == pem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", " "),
        ("host", 15),
        ("host", "two words"),
        ("host", "printer:99999"),
        ("host", "http://me:s3cr3t@printer"),
        ("port", 0),
        ("port", 65536),
        ("serial", "01P09A00000000"),
        ("serial", "01P09A00000000-"),
        ("serial", 15),
        ("access_code", ""),
        ("access_code", "s3cr3t7"),
        ("access_code", "s3cr3ts99"),
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
