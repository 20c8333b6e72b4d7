"""Release: the download is what Home Assistant unpacks and loads."""

import json
from pathlib import Path
import zipfile

import pytest

from scripts.tools.release import ReleaseError, make_release


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small folder of a built integration."""
    folder = tmp_path / "filament_slots"
    for name, content in {
        "__init__.py": "",
        "manifest.json": '{"domain": "filament_slots", "version": "0.0.0"}',
        "translations/en.json": "{}",
        "frontend/entry.js": "",
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
            "__init__.py",
            "frontend/entry.js",
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
