"""Every text there is a key for, in every language."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.helpers.entity import EntityDescription
import pytest

from custom_components.filament_slots import binary_sensor, button, event, sensor
from custom_components.filament_slots.driver_host import SETTLE_TIMES
from custom_components.filament_slots.drivers.bambulab_mqtt.driver import (
    Driver as BambuDriver,
)
from custom_components.filament_slots.drivers.base import (
    Driver,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.capabilities import InvokeErrorCode
from custom_components.filament_slots.drivers.connected_driver import ConnectedDriver
from custom_components.filament_slots.drivers.moonraker_filament.driver import (
    Driver as MoonrakerDriver,
)
from custom_components.filament_slots.forms import advanced_fields, asked_fields
from custom_components.filament_slots.inventory.base import (
    Inventory,
    InventoryErrorCode,
)
from custom_components.filament_slots.inventory.registry import INVENTORIES
from custom_components.filament_slots.location_options import WRITE_DEFAULTS
from custom_components.filament_slots.model import SlotStatus
from custom_components.filament_slots.options import (
    CONF_BUS_IDENTIFIERS,
    CONF_FOLLOW_SCANS,
    CONF_TAG_FIELD,
    HISTORY_OPTIONS,
    LOW_DEFAULTS,
    SHARED_OPTIONS,
)
from custom_components.filament_slots.repairs_chips import CHIP_ISSUES
from custom_components.filament_slots.repairs_driver import RefusedDriver
from custom_components.filament_slots.repairs_inventory import INVENTORY_ISSUES
from custom_components.filament_slots.repairs_links import LINK_ISSUES
from custom_components.filament_slots.repairs_printer import PRINTER_ISSUES
from custom_components.filament_slots.repairs_store import STORE_ISSUES
from custom_components.filament_slots.slot_spools import LinkSource

FOLDER = Path(binary_sensor.__file__).parent
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt-BR")
TRANSLATED = LANGUAGES[1:]

# Names and formats, and words that a language shares with English.
SAME_EVERYWHERE = {
    *("Bambu Lab", "CSV", "Filament Slots", "JSON Lines", "Klipper (Moonraker)"),
    "Spoolman",
    *("{name}", "{printer} {unit}"),
}
SAME = {
    "de": {
        *("Cursor", "Filament", "Filter", "Firmware", "Format", "Hardware"),
        *("Material", "Name", "Offline"),
        *("Offline: {count}", "Port", "Status", "Version", "normal", "orange", "pink"),
        "warm",
    },
    "fr": {
        *("Documentation", "Filament", "Format", "Insertion", "Messages", "Page"),
        *("Port", "Source", "Version", "normal", "orange", "turquoise"),
    },
    "es": {
        *("Color", "Cursor", "Error", "Firmware", "Hardware", "Material", "No"),
        "normal",
    },
    "it": {
        *("Debug", "Driver", "File", "Firmware", "Hardware", "No", "Offline"),
        *("Offline: {count}", "Privacy", "Slot", "Slot {label}"),
        "{printer}, slot {label}: {content}",
    },
    "nl": {
        *("Cursor", "Driver", "Drivers", "Filament", "Filter", "Firmware"),
        *("Hardware", "Label", "Model", "Offline", "Offline: {count}"),
        *("Printer", "Printers", "Printers: {count}", "Privacy", "Slot"),
        *("Slot {label}", "Status", "turquoise", "warm"),
        "{printer}, slot {label}: {content}",
    },
    "pl": {
        *(
            "Filament",
            "Format",
            "Limit",
            "Model",
            "Offline",
            "Offline: {count}",
            "Port",
        ),
        *("Slot", "Slot {label}", "{printer}, slot {label}: {content}"),
    },
    "pt-BR": {
        *("Cursor", "Driver", "Drivers", "Firmware", "Hardware", "Material"),
        *("Offline", "Offline: {count}", "Slot"),
        *("Slot {label}", "Status", "normal", "{printer}, slot {label}: {content}"),
    },
}
ENGLISH_ALONE = re.compile(
    r"\b(the|with|from|this|that|not|are|printer's|its)\b", re.IGNORECASE
)

# "Many times" has one form for the numbers it is used with; a noun has up to four.
TIMES = "times|Mal|fois|veces|volte|keer|razy|vezes"
COUNTED = re.compile(rf"\{{count\}}(?! ?\(?(?:{TIMES})\b) ?[^\W\d]")

# A flow ends there where its driver is gone.
DRIVER_ABORTS = {"driver_broken", "unknown_driver"}

# Errors under a field of the dialog; a switch has none.
INVALID_FIELDS = {
    f"invalid_{name}"
    for driver in (BambuDriver, MoonrakerDriver)
    for name in asked_fields(driver)
    if name != "verify_ssl"
}

DESCRIPTIONS: list[tuple[str, EntityDescription]] = [
    *(("binary_sensor", shows) for shows in binary_sensor.SLOT_SENSORS),
    *(("binary_sensor", shows) for shows in binary_sensor.SPOOL_SENSORS),
    ("binary_sensor", binary_sensor.UNIT_CONNECTED),
    ("binary_sensor", binary_sensor.PRINTER_CONNECTED),
    ("button", button.REFRESH),
    ("event", event.SPOOL),
    ("sensor", sensor.FILAMENT),
    ("sensor", sensor.DRIVER_STATUS),
    *(("sensor", shows) for shows in sensor.SLOT_SENSORS),
    *(("sensor", shows) for shows in (sensor.SPOOL, sensor.REMAINING_WEIGHT)),
    *(("sensor", shows) for shows in sensor.UNIT_SENSORS),
    *(("sensor", shows) for shows in sensor.PRINTER_SENSORS),
    *(("sensor", shows) for shows in sensor.COUNTERS),
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


def _kept(text: str) -> list[str]:
    """Return what a translation leaves as it is: placeholders, code, numbers, lines."""
    return sorted(
        re.findall(r"\{\w+\}|[\w./]*\w[_:][^\W\d]\w*|/access/api_key|\d+|\*\*|\n", text)
    )


def test_there_is_a_file_for_each_language() -> None:
    files = {file.stem for file in (FOLDER / "translations").iterdir()}

    assert files == set(LANGUAGES)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_has_the_same_texts_with_the_same_placeholders(
    language: str,
) -> None:
    english, translated = (
        {(path, *_kept(text)) for path, text in _paths(_texts(each))}
        for each in ("en", language)
    )

    assert not english ^ translated


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_left_in_english(language: str) -> None:
    english = dict(_paths(_texts("en")))
    same = {text for path, text in _paths(_texts(language)) if text == english[path]}

    assert same == SAME_EVERYWHERE | SAME[language]
    assert not [
        (path, text)
        for path, text in _paths(_texts(language))
        if ENGLISH_ALONE.search(text)
    ]


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_much_longer_than_in_english(language: str) -> None:
    """Buttons, names and chips have the room that English needs, and some more."""
    english = dict(_paths(_texts("en")))

    assert not [
        (path, text)
        for path, text in _paths(_texts(language))
        if len(text) > 1.5 * len(english[path]) + 24
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_number_stands_before_a_noun(language: str) -> None:
    """Plurals differ: Polish has four. "Printers: 5" needs none, in no language."""
    assert not [
        (path, text) for path, text in _paths(_texts(language)) if COUNTED.search(text)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_one_that_home_assistant_shows_as_it_is(language: str) -> None:
    """Home Assistant reads `'{` as a quotation and `<` as a tag."""
    assert not [
        (path, text)
        for path, text in _paths(_texts(language))
        if re.search(r"'\{|\}'|<|&\w+;", text) or text != text.strip()
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    assert all(text.strip() for _, text in _paths(_texts(language)))


def test_german_calls_things_as_home_assistant_does() -> None:
    others = re.compile(
        r"Automatisierung|Sicherung|Trigger|Slot|\bTag\b|Löst aus|[Ss]ende ab"
    )

    assert not [
        (path, text)
        for path, text in _paths(_texts("de"))
        if others.search(text.replace("Filament Slots", ""))
    ]


def _fixable() -> dict[str, Any]:
    """Return the texts of the fix flows of a printer's repairs."""
    issues = _texts("en")["issues"]
    return {
        code: issues[code]["fix_flow"] for code, flow in PRINTER_ISSUES.items() if flow
    }


def test_every_error_has_a_text_wherever_it_can_show() -> None:
    texts = _texts("en")
    codes = set(ErrorCode)

    inventories = {f"inventory_{code}" for code in InventoryErrorCode}
    assert codes | INVALID_FIELDS | inventories | {"another_type"} == set(
        texts["config"]["error"]
    )
    for flow in _fixable().values():
        assert codes == set(flow["error"])
    status = texts["entity"]["sensor"]["driver_status"]
    assert codes == set(status["state_attributes"]["error"]["state"])


def test_every_repair_has_a_text_and_no_text_is_left_over() -> None:
    texts = set(_texts("en")["issues"])

    assert texts == {
        *PRINTER_ISSUES,
        *INVENTORY_ISSUES,
        *LINK_ISSUES,
        *CHIP_ISSUES,
        *STORE_ISSUES,
        *RefusedDriver,
    }


def test_every_repair_has_a_title_and_a_description() -> None:
    issues = _texts("en")["issues"]

    for code, flow in {**PRINTER_ISSUES, **INVENTORY_ISSUES}.items():
        assert issues[code]["title"]
        # A flow shows its own description.
        assert ("description" in issues[code]) is (flow is None)


def test_every_step_of_a_fix_has_a_text() -> None:
    for code, flow in _fixable().items():
        steps = {
            name.removeprefix("async_step_")
            for name in vars(PRINTER_ISSUES[code])
            if name.startswith("async_step_")
        }
        # The first step of the one shows the next; a menu's last step shows nothing.
        assert set(flow["step"]) == steps - {"wait"} - ({"init"} - set(flow["step"]))
        assert {"entry_removed", *DRIVER_ABORTS} <= set(flow["abort"])
        for step in flow["step"].values():
            assert set(step.get("data", {})) == set(step.get("data_description", {}))
        if "init" in flow["step"]:
            assert set(flow["step"]["init"]["menu_options"]) == {"address", "wait"}
            assert "waiting" in flow["abort"]


def test_every_field_of_a_form_has_a_text_about_where_to_find_it() -> None:
    steps = _texts("en")["config"]["step"]

    for driver in (BambuDriver, MoonrakerDriver):
        step = steps[driver.driver_key]
        asked, advanced = set(asked_fields(driver)), advanced_fields(driver)
        assert set(step["data"]) == asked - advanced
        assert set(step["sections"]["advanced"]["data"]) == advanced
        assert set(steps["reconfigure"]["sections"]["advanced"]["data"]) >= advanced
    for step in steps.values():
        for part in (step, *step.get("sections", {}).values()):
            assert part["name" if "title" not in part else "title"]
            assert set(part.get("data", {})) == set(part.get("data_description", {}))


@pytest.mark.parametrize("driver", [BambuDriver, MoonrakerDriver])
def test_every_text_on_where_to_find_a_setting_is_there(driver: type[Driver]) -> None:
    texts = _texts("en")
    prefix = f"where_{driver.driver_key}_"

    assert {
        key.removeprefix(prefix) for key in texts["selector"] if key.startswith(prefix)
    } == set(driver.where_to_find({}))
    for step in (driver.driver_key, "reauth_confirm", "reconfigure"):
        assert texts["config"]["step"][step]["sections"]["where"]["name"]


def test_no_text_about_a_bambu_lab_printer_names_an_api_key() -> None:
    texts = _texts("en")
    shown = [
        *_paths(texts["config"]["step"]["bambulab_mqtt"]),
        *_paths(texts["config"]["error"]),
        *_paths({"reauth": texts["config"]["step"]["reauth_confirm"]["description"]}),
        *(
            part
            for key, text in texts["selector"].items()
            if key.startswith("where_bambulab")
            for part in _paths(text)
        ),
    ]

    assert [
        path
        for path, text in shown
        if "key" in text.lower()
        and not path.endswith("invalid_api_key")
        and ".inventory_" not in path
    ] == []


def test_every_step_of_the_flow_has_a_text() -> None:
    config = _texts("en")["config"]

    assert set(config["step"]) == {
        "user",
        "pick",
        "bambulab_mqtt",
        "moonraker_filament",
        "reauth_confirm",
        "reconfigure",
        "new_certificate",
        *INVENTORIES,
        "inventory_reauth",
        "inventory_reconfigure",
    }
    assert DRIVER_ABORTS | {"no_identity", "unique_id_mismatch"} <= set(config["abort"])
    assert config["flow_title"] == "{name}"


@pytest.mark.parametrize("kind", INVENTORIES.values())
def test_every_field_of_an_inventory_has_a_text(kind: type[Inventory]) -> None:
    steps = _texts("en")["config"]["step"]

    for step in (kind.inventory_key, "inventory_reauth", "inventory_reconfigure"):
        assert set(steps[step]["data"]) == set(kind.Config.model_fields)


@pytest.mark.parametrize("key", [k for k, flow in INVENTORY_ISSUES.items() if flow])
def test_every_fix_of_an_inventory_has_a_text(key: str) -> None:
    flow = _texts("en")["issues"][key]["fix_flow"]

    assert set(flow["step"]) == {"confirm"}
    assert set(flow["abort"]) == {"entry_removed"}


def test_every_setting_has_a_text() -> None:
    options = _texts("en")["options"]
    sections = options["step"]["init"]["sections"]

    assert {name: set(section["data"]) for name, section in sections.items()} == {
        "history": set(HISTORY_OPTIONS),
        "privacy": {CONF_BUS_IDENTIFIERS},
        "advanced": set(SETTLE_TIMES),
        "shared": set(SHARED_OPTIONS),
    }
    inventory = options["step"]["inventory"]["sections"]
    assert {name: set(section["data"]) for name, section in inventory.items()} == {
        "tags": {CONF_TAG_FIELD},
        "low": set(LOW_DEFAULTS),
        "scans": {CONF_FOLLOW_SCANS},
        "writes": set(WRITE_DEFAULTS),
    }
    for section in (*sections.values(), *inventory.values()):
        assert set(section["data"]) == set(section["data_description"])
    assert set(options["abort"]) == DRIVER_ABORTS


def test_everything_in_system_health_has_a_text() -> None:
    source = (FOLDER / "system_health.py").read_text()

    for key in _texts("en")["system_health"]["info"]:
        assert f'"{key}":' in source


@pytest.mark.parametrize("model", ["X1", "P1", "A1", "A2L", "P2S", "X2D", "H2D"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_lists_for_each_model_where_its_screen_shows_the_code(
    language: str, model: str
) -> None:
    texts = _texts(language)["selector"]

    assert any(
        model in texts[f"where_bambulab_mqtt_{key}"]["value"]
        for key in BambuDriver.where_to_find({})
    )


def test_every_entity_has_a_name_and_no_name_is_left_over() -> None:
    entities = _texts("en")["entity"]

    assert set(NAMED) == {
        (platform, key) for platform, keys in entities.items() for key in keys
    }


def test_every_state_of_an_enumeration_has_a_text() -> None:
    sensors = _texts("en")["entity"]["sensor"]

    assert set(SlotStatus) == set(sensors["status"]["state"])
    assert set(DriverStatus) == set(sensors["driver_status"]["state"])
    attributes = sensors["spool"]["state_attributes"]
    assert set(LinkSource) == set(attributes["source"]["state"])


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


def test_every_capability_has_its_texts_and_so_has_every_step_of_a_connection() -> None:
    panel = _texts("en")["config_panel"]
    steps = {
        step
        for driver in (ConnectedDriver, BambuDriver, MoonrakerDriver)
        for step in driver.connection_steps
    }

    for driver in (BambuDriver, MoonrakerDriver):
        declared = driver.capabilities
        assert panel["capability"] == {each.id: each.name for each in declared}
        assert panel["capability_description"] == {
            each.id: each.description for each in declared
        }
    assert set(panel["connection_step"]) == steps
    assert set(InvokeErrorCode) <= set(_texts("en")["exceptions"])


def test_every_translation_key_of_an_exception_has_a_text() -> None:
    modules = [ast.parse(file.read_text()) for file in FOLDER.rglob("*.py")]
    nodes = [node for module in modules for node in ast.walk(module)]
    exceptions = set(_texts("en")["exceptions"])
    raised = {
        keyword.value.value
        for node in nodes
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        for keyword in node.exc.keywords
        if keyword.arg == "translation_key" and isinstance(keyword.value, ast.Constant)
    }
    named = {node.value for node in nodes if isinstance(node, ast.Constant)}

    assert raised <= exceptions
    # Codes of drivers are raised as they come.
    assert exceptions <= named | set(ErrorCode)
    assert ErrorCode.DRIVER_BROKEN in exceptions
