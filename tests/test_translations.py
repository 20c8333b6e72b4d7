"""Every text there is a key for, in every language."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.filament_slots import binary_sensor, button, event, sensor
from custom_components.filament_slots.drivers.bambulab_mqtt.config import Config
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode
from custom_components.filament_slots.events import SlotStatus
from custom_components.filament_slots.repairs import REPAIRS

FOLDER = Path(binary_sensor.__file__).parent
LANGUAGES = ("en", "de")

DESCRIPTIONS = [
    *(("binary_sensor", shows) for shows in binary_sensor.SLOT_SENSORS),
    ("binary_sensor", binary_sensor.UNIT_CONNECTED),
    ("binary_sensor", binary_sensor.PRINTER_CONNECTED),
    ("button", button.REFRESH),
    ("event", event.SPOOL),
    ("sensor", sensor.FILAMENT),
    ("sensor", sensor.DRIVER_STATUS),
    *(("sensor", shows) for shows in sensor.SLOT_SENSORS),
    *(("sensor", shows) for shows in sensor.UNIT_SENSORS),
    *(("sensor", shows) for shows in sensor.PRINTER_SENSORS),
]
NAMED = [
    (platform, shows.translation_key)
    for platform, shows in DESCRIPTIONS
    if shows.translation_key
]


def _texts(language: str) -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(
        (FOLDER / "translations" / f"{language}.json").read_text()
    )
    return texts


def _paths(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield path, tree
        return
    for key, branch in tree.items():
        yield from _paths(branch, f"{path}.{key}")


def _placeholders(text: str) -> set[str]:
    return {part.split("}")[0] for part in text.split("{")[1:]}


def test_all_languages_have_the_same_texts_with_the_same_placeholders() -> None:
    english, german = (
        {path: _placeholders(text) for path, text in _paths(_texts(language))}
        for language in LANGUAGES
    )

    assert english == german


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    assert all(text.strip() for _, text in _paths(_texts(language)))


def test_every_error_has_a_text_wherever_it_can_show() -> None:
    texts = _texts("en")
    codes = set(ErrorCode)

    assert codes == set(texts["config"]["error"])
    assert codes == set(texts["issues"]["new_certificate"]["fix_flow"]["error"])
    status = texts["entity"]["sensor"]["driver_status"]
    assert codes == set(status["state_attributes"]["error"]["state"])


def test_every_repair_has_a_text_and_no_text_is_left_over() -> None:
    assert set(REPAIRS) == set(_texts("en")["issues"])


def test_every_field_of_a_form_has_a_text_that_says_where_to_find_it() -> None:
    steps = _texts("en")["config"]["step"]

    asked = set(Config.model_fields) - {"certificate"}
    assert set(steps["bambulab_mqtt"]["data"]) == asked
    for step in steps.values():
        assert set(step["data"]) == set(step["data_description"])


def test_every_entity_has_a_name_and_no_name_is_left_over() -> None:
    entities = _texts("en")["entity"]

    assert set(NAMED) == {
        (platform, key) for platform, keys in entities.items() for key in keys
    }


def test_every_state_of_an_enumeration_has_a_text() -> None:
    sensors = _texts("en")["entity"]["sensor"]

    assert set(SlotStatus) == set(sensors["status"]["state"])
    assert set(DriverStatus) == set(sensors["driver_status"]["state"])


def test_every_event_type_has_a_text() -> None:
    attributes = _texts("en")["entity"]["event"]["spool"]["state_attributes"]

    assert set(event.SPOOL.event_types or ()) == set(attributes["event_type"]["state"])


def test_every_entity_has_an_icon_unless_its_class_brings_one() -> None:
    icons = json.loads((FOLDER / "icons.json").read_text())["entity"]

    assert {
        (platform, shows.translation_key)
        for platform, shows in DESCRIPTIONS
        if shows.translation_key
        and getattr(shows, "device_class", None) not in ("connectivity", "duration")
    } <= {(platform, key) for platform, keys in icons.items() for key in keys}
    assert {(platform, key) for platform, keys in icons.items() for key in keys} <= set(
        NAMED
    )


def test_every_translation_key_of_an_exception_has_a_text() -> None:
    exceptions = _texts("en")["exceptions"]

    assert set(exceptions) == {
        ErrorCode.DRIVER_BROKEN,
        ErrorCode.UNKNOWN_DRIVER,
        ErrorCode.INVALID_CONFIG,
        "store_failed",
        "store_newer",
    }
