"""docs/architecture.md describes the code as it is."""

from collections.abc import Iterator
from pathlib import Path
import re
import tomllib

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = "custom_components.filament_slots"
SOURCES = ("custom_components", "docs", "frontend/src", "scripts", "tests")


def _contracts() -> Iterator[tuple[str, list[str]]]:
    """Yield the layers in pyproject.toml, by the package that they divide."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            (package,) = contract["containers"]
            yield package, contract["layers"]


CONTRACTS = dict(_contracts())


@pytest.mark.parametrize("package", CONTRACTS)
def test_the_rooms_are_those_of_the_import_contracts(package: str) -> None:
    name = package.rpartition(".")[2]
    shown = re.search(
        rf"^```layers {name}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL
    )

    assert shown, name
    assert shown[1].splitlines() == CONTRACTS[package]


def test_each_rule_of_the_tracker_names_a_test_that_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    written = {
        name
        for file in (ROOT / "tests" / "drivers").rglob("test_*.py")
        for name in re.findall(
            r"^(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE
        )
    }

    assert named
    assert named - written == set()


def test_each_file_that_is_named_exists() -> None:
    files = [
        path.as_posix()
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*.*")
        if "__pycache__" not in path.parts
    ]
    named = set(re.findall(r"(?<![\w>*/-])(\w[\w./-]*\.(?:py|ts|yaml|json))\b", PAGE))

    assert named
    missing = {
        name for name in named if not any(file.endswith(f"/{name}") for file in files)
    }
    assert missing == set()
