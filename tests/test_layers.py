"""Layers: the import contracts hold, and the core runs without Home Assistant."""

from pathlib import Path
import re
import subprocess
import sys

ROOT = Path(__file__).parents[1]

# Where others than a driver may name its printers: the text of an error, which keeps
# its translation key, and citations of documents.
ALLOWED = re.compile(r"not_moonraker|docs/protocols/\w+\.md")

# The package's own __init__ is for Home Assistant and imports it: a bare
# module with the same path replaces it.
IMPORT_WITHOUT_HOME_ASSISTANT = """
import importlib, importlib.abc, pkgutil, sys, types

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"homeassistant", "probatio", "voluptuous"}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
package = types.ModuleType("custom_components.filament_slots")
package.__path__ = ["custom_components/filament_slots"]
sys.modules[package.__name__] = package

rooms = ("network", "drivers", "core", "inventory")
names = [f"{package.__name__}.{part}" for part in ("model", "redaction", *rooms)]
for part in rooms:
    path = f"custom_components/filament_slots/{part}"
    names += [m.name for m in pkgutil.walk_packages([path], f"{package.__name__}.{part}.")]
for name in names:
    print(importlib.import_module(name).__name__)
"""


def test_every_module_imports_only_from_lower_layers() -> None:
    result = _run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")

    assert result.returncode == 0, result.stdout


def test_model_drivers_core_and_inventories_need_no_home_assistant() -> None:
    result = _run(sys.executable, "-c", IMPORT_WITHOUT_HOME_ASSISTANT)

    assert result.returncode == 0, result.stderr
    imported = {name.rpartition(".")[2] for name in result.stdout.split()}
    assert {"model", "tracker", "store", "driver", "spool_table"} <= imported


def test_the_core_has_few_modules_and_none_of_over_400_lines() -> None:
    core = ROOT / "custom_components" / "filament_slots" / "core"
    entries = [entry for entry in core.iterdir() if entry.name != "__pycache__"]

    assert len(entries) <= 11
    assert [
        str(module.relative_to(core))
        for module in core.rglob("*.py")
        if len(module.read_text().splitlines()) > 400
    ] == []


def test_nothing_but_a_driver_names_its_printers() -> None:
    package = ROOT / "custom_components" / "filament_slots"
    drivers = package / "drivers"
    kinds = [folder.parent for folder in drivers.glob("*/driver.py")]
    files = [
        file
        for file in package.rglob("*.py")
        if not any(file.is_relative_to(kind) for kind in kinds)
    ]

    assert {kind.name for kind in kinds} >= {"bambulab_mqtt", "moonraker_filament"}
    assert len(files) > 50
    assert [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search("bambu|moonraker", ALLOWED.sub("", line), re.IGNORECASE)
    ] == []


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
