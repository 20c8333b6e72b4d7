"""The lists of locked packages work with any registry."""

import json
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[1]
PYTHON_LOCKS = sorted((ROOT / "scripts" / "locks").glob("*.txt"))


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda lock: lock.name)
def test_python_packages_have_hashes_and_no_registry(lock: Path) -> None:
    text = lock.read_text()

    assert "://" not in text
    assert "--index-url" not in text
    packages = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in package for package in packages)


def test_npm_packages_have_hashes_and_no_registry() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]

    assert packages
    assert all("integrity" in package for package in packages)
    assert not any("resolved" in package for package in packages)
