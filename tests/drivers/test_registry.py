"""Drivers are found by their folders, and a broken one affects no other."""

import asyncio
from importlib import import_module
import json
from pathlib import Path

import pytest

from custom_components.filament_slots import drivers
from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.registry import (
    API_VERSION,
    DriverInfo,
    available_drivers,
    known_driver,
    load_driver,
    registered_driver,
)

WORKING = """
from typing import ClassVar
from pydantic import BaseModel
from ..base import Driver as BaseDriver

NAME = "Dummy"

class Driver(BaseDriver):
    driver_key: ClassVar[str] = "{key}"
    Config = BaseModel
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is part of the drivers' package."""
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    return tmp_path


def drop_in(folder: Path, key: str, source: str) -> None:
    """Create a driver's folder."""
    (folder / key).mkdir()
    (folder / key / "driver.py").write_text(source, encoding="utf-8")


async def test_a_folder_with_a_driver_is_selectable_and_loads(folder: Path) -> None:
    drop_in(folder, "registry_dummy", WORKING.format(key="registry_dummy"))

    assert "registry_dummy" in await available_drivers()
    driver = await load_driver("registry_dummy")

    assert driver.driver_key == "registry_dummy"


async def test_folders_without_a_driver_are_not_offered(folder: Path) -> None:
    (folder / "empty_folder").mkdir()
    drop_in(folder, "no identifier", "")

    found = await available_drivers()

    assert "bambulab_mqtt" in found
    assert not {"empty_folder", "no identifier", "__pycache__"} & set(found)


async def test_our_own_driver_loads() -> None:
    driver = await load_driver("bambulab_mqtt")

    assert driver is import_module(f"{drivers.__name__}.bambulab_mqtt.driver").Driver


async def test_of_our_own_drivers_is_known_what_other_components_declare() -> None:
    manifest = json.loads(
        (Path(drivers.__path__[0]).parent / "manifest.json").read_text()
    )

    for key, name in (
        ("bambulab_mqtt", "Bambu Lab"),
        ("moonraker_filament", "Klipper (Moonraker)"),
    ):
        driver = await load_driver(key)

        known = known_driver(key)
        assert known is not None
        assert (known.driver, known.component) == (driver, manifest["domain"])
        assert known.info == DriverInfo(
            key=key,
            name=name,
            version=manifest["version"],
            author="Filament Slots",
            documentation_url=manifest["documentation"],
            api_version=API_VERSION,
        )
        assert registered_driver(key) is None
    assert known_driver("no_driver") is None


async def test_a_loaded_driver_takes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = await load_driver("bambulab_mqtt")
    monkeypatch.setattr(asyncio, "to_thread", None)

    assert await load_driver("bambulab_mqtt") is driver


@pytest.mark.parametrize("key", ["no_driver", "", "..", "base", "os.path"])
async def test_an_unknown_key_has_its_own_error(key: str) -> None:
    with pytest.raises(DriverError) as caught:
        await load_driver(key)

    assert caught.value.code is ErrorCode.UNKNOWN_DRIVER


@pytest.mark.parametrize(
    ("key", "source", "message"),
    [
        ("broken_import", "import no_such_module_anywhere", "no_such_module_anywhere"),
        ("broken_syntax", "class Driver(:", "SyntaxError"),
        ("broken_nothing", "", "no attribute 'Driver'"),
        ("broken_kind", "Driver = int", "not a driver"),
        ("broken_thing", "Driver = 3", "not a driver"),
        (
            "broken_name",
            WORKING.replace("NAME", "_").format(key="broken_name"),
            "no attribute 'NAME'",
        ),
        ("broken_key", WORKING.format(key="another"), "its key is another"),
    ],
    ids=lambda value: value if value.startswith("broken") else "",
)
async def test_a_broken_driver_is_logged_once_and_affects_no_other(
    folder: Path, caplog: pytest.LogCaptureFixture, key: str, source: str, message: str
) -> None:
    drop_in(folder, key, source)

    for _ in range(2):
        with pytest.raises(DriverError, match=message) as caught:
            await load_driver(key)
        assert caught.value.code is ErrorCode.DRIVER_BROKEN

    # asyncio complains of a busy machine.
    assert [
        record.getMessage()
        for record in caplog.records
        if record.name.endswith(".registry")
    ] == [f"Driver {key} cannot be used"]
    assert (await load_driver("bambulab_mqtt")).driver_key == "bambulab_mqtt"
