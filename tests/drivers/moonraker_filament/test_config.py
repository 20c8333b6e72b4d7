"""Addresses that users enter, and the WebSocket URL they mean."""

from pydantic import ValidationError
import pytest

from custom_components.filament_slots.drivers.moonraker_filament.config import Config


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("voron.local", "ws://voron.local:7125/websocket"),
        (" voron.local ", "ws://voron.local:7125/websocket"),
        ("192.0.2.4:7126", "ws://192.0.2.4:7126/websocket"),
        ("voron.local/two", "ws://voron.local:7125/two/websocket"),
        ("http://voron.local", "ws://voron.local/websocket"),
        ("https://voron.local", "wss://voron.local/websocket"),
        ("https://voron.local:7130/two/", "wss://voron.local:7130/two/websocket"),
        ("ws://voron.local:7125/websocket", "ws://voron.local:7125/websocket"),
        ("wss://voron.local/two/websocket", "wss://voron.local/two/websocket"),
        ("http://voron.local/#/console", "ws://voron.local/websocket"),
        ("HTTP://voron.local:4408/?a=b", "ws://voron.local:4408/websocket"),
        ("fd00::2", "ws://[fd00::2]:7125/websocket"),
        ("[fd00::2]:7126", "ws://[fd00::2]:7126/websocket"),
    ],
)
def test_a_host_a_host_and_port_and_a_whole_url_all_name_the_websocket(
    typed: str, means: str
) -> None:
    assert str(Config(host=typed).url) == means


@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("voron.local", "http://voron.local:7125/"),
        ("https://voron.local", "https://voron.local/"),
        ("http://voron.local:7130/two/", "http://voron.local:7130/two/"),
        ("fd00::2", "http://[fd00::2]:7125/"),
    ],
)
def test_the_page_is_that_of_moonraker(typed: str, page: str) -> None:
    assert Config(host=typed).page == page


def test_the_port_is_that_of_a_host_that_names_none() -> None:
    assert Config(host="voron", port=8000).url.port == 8000
    assert Config(host="voron:8001", port=8000).url.port == 8001
    assert Config(host="http://voron", port=8000).url.port == 80


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "two words",
        "http://",
        "ftp://voron",
        "http://voron:99999",
        "voron:0",
        "voron:port",
        "http://me:hunter2@voron",
        "[fd00::2",
        "http://[fd00::zz]",
        "a<b",
        "x" * 600,
    ],
)
def test_an_invalid_address_is_refused_without_repeating_it(
    typed: str,
) -> None:
    with pytest.raises(ValidationError) as refused:
        Config(host=typed)

    (error,) = refused.value.errors(include_input=False)
    assert error["loc"] == ("host",)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("port", [0, 65536, "web"])
def test_an_invalid_port_is_refused(port: object) -> None:
    with pytest.raises(ValidationError, match="port"):
        Config.model_validate({"host": "voron", "port": port})


def test_only_host_is_required_and_certificates_are_checked() -> None:
    config = Config(host="voron")

    assert config.verify_ssl
    assert config.api_key.get_secret_value() == ""


def test_the_key_is_stripped_and_never_shown() -> None:
    config = Config.model_validate({"host": "voron", "api_key": " 0123abcd "})

    assert config.api_key.get_secret_value() == "0123abcd"
    assert "0123abcd" not in repr(config)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"host": "voron", "certificate": "x"})
