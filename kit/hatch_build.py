"""Adds the parts of the repository that the kit is made of to its wheel."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[1]
KIT = Path("filament_slots_kit")
INTEGRATION = Path("custom_components/filament_slots")
# Modules and folders of the integration, of these only what needs no Home Assistant.
PARTS = (
    "api.py",
    "model.py",
    "redaction.py",
    "network/*.py",
    "drivers/*.py",
    "drivers/tracking/*.py",
    "core/__init__.py",
    "core/slot_state.py",
)
TOOLS = {
    "tests/clock.py": "clock.py",
    "tests/drivers/conformance.py": "drivers/conformance.py",
    "tests/drivers/fake_host.py": "drivers/fake_host.py",
    "tests/drivers/tracking/tracker_rig.py": "drivers/tracking/tracker_rig.py",
    "scripts/tools/replay.py": "replay.py",
    "LICENSE": "LICENSE",
}


class RepositoryHook(BuildHookInterface[Any]):
    """Maps files of the repository to their places in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files."""
        include = build_data["force_include"]
        for pattern in PARTS:
            for file in (ROOT / INTEGRATION).glob(pattern):
                include[str(file)] = str(file.relative_to(ROOT))
        # The integration's own __init__ imports Home Assistant.
        include[str(ROOT / "kit" / "package_init.py")] = str(
            INTEGRATION / "__init__.py"
        )
        for source, target in TOOLS.items():
            include[str(ROOT / source)] = str(KIT / target)
