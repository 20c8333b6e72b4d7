"""Release: the download is what Home Assistant unpacks and loads."""

import json
from pathlib import Path
from typing import Any
import zipfile

from homeassistant.util.yaml import load_yaml
import pytest

from scripts.tools.release import ReleaseError, make_release

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small folder of a built integration."""
    folder = tmp_path / "filament_slots"
    for name, content in {
        "__init__.py": "",
        "manifest.json": '{"domain": "filament_slots", "version": "0.0.0"}',
        "translations/en.json": "{}",
        "frontend/entry.js": "",
        "frontend/licences.txt": "lit 3.3.0 (BSD-3-Clause)",
        "__pycache__/__init__.cpython-314.pyc": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_the_download_is_the_contents_of_the_folder_with_the_version_of_the_tag(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "filament_slots.zip"
    make_release("1.2.3b1", target, folder)
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == [
            "LICENSE",
            "__init__.py",
            "frontend/entry.js",
            "frontend/licences.txt",
            "manifest.json",
            "translations/en.json",
        ]
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest == {"domain": "filament_slots", "version": "1.2.3b1"}


def test_a_version_that_home_assistant_cannot_read_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match="no version"):
        make_release("latest", tmp_path / "out.zip", folder)


def test_a_release_without_the_dashboard_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "frontend" / "entry.js").unlink()
    with pytest.raises(ReleaseError, match="has not been built"):
        make_release("1.2.3", tmp_path / "out.zip", folder)


def test_the_download_holds_the_licence_of_the_project_and_those_of_what_is_bundled(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "filament_slots.zip"
    names = make_release("1.2.3", target, folder)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == names
        assert archive.read("LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert b"BSD-3-Clause" in archive.read("frontend/licences.txt")


def test_a_release_without_the_licences_of_what_is_bundled_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "frontend" / "licences.txt").unlink()
    with pytest.raises(ReleaseError, match=r"licences\.txt is missing"):
        make_release("1.2.3", tmp_path / "out.zip", folder)


def test_a_release_is_a_draft_until_the_download_is_attached() -> None:
    """HACS offers a published release at once, and would find no download."""
    workflow: Any = load_yaml(str(ROOT / ".github" / "workflows" / "release.yml"))
    scripts = [step.get("run", "") for step in workflow["jobs"]["release"]["steps"]]
    attached, published = (
        next(number for number, script in enumerate(scripts) if part in script)
        for part in ("gh release create", "--draft=false")
    )

    assert "release" not in workflow[True], "starts before a release exists"
    assert "filament_slots.zip --draft" in scripts[attached]
    assert attached < published
    assert "grep -qx filament_slots.zip" in scripts[published].splitlines()[0]
