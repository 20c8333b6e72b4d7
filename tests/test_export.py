"""Exported files: where they may be, and what a spreadsheet makes of them."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.tables import export

from .common import async_deliver, spool_event
from .test_services_store import SINCE, act, async_make_history

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a little history."""
    return await async_make_history(hass)


@pytest.fixture
def folder(hass: HomeAssistant) -> Path:
    """An allowed folder, beside one that is not."""
    folder = Path(hass.config.path("allowed"))
    folder.mkdir()
    folder.with_name("outside").mkdir()
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return [file.name for file in folder.iterdir()]


async def test_a_link_at_the_name_of_the_unfinished_file_is_not_followed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = folder.with_name("outside") / "precious"
    outside.write_text("precious")
    monkeypatch.setattr(export, "token_hex", lambda length: "predicted")
    for name in ("history.unfinished", "history.predicted.unfinished"):
        (folder / name).symlink_to(outside)

    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "export", **SINCE, path=str(folder / "history"))

    assert caught.value.translation_key == "not_exported"
    assert outside.read_text() == "precious"
    assert not (folder / "history").exists()


async def test_the_name_of_an_unfinished_export_cannot_be_predicted(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    names: set[str] = set()
    read = Store.read

    async def look(*args: Any) -> Any:
        names.update(names_in(folder))
        return await read(*args)

    with patch.object(Store, "read", look):
        for _ in range(2):
            await act(hass, "export", **SINCE, path=str(folder / "history"))

    assert len({name for name in names if name.endswith(".unfinished")}) == 2
    assert names_in(folder) == ["history"]


@pytest.mark.parametrize("link", ["file", "folder", "dangling"])
async def test_a_link_in_the_path_of_an_export_leads_nowhere_else(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path, link: str
) -> None:
    """A link to nothing is replaced, as its folder is allowed."""
    outside = folder.with_name("outside")
    path = folder / "history"
    if link == "folder":
        (folder / "sub").symlink_to(outside)
        path = folder / "sub" / "history"
    else:
        path.symlink_to(outside / "history")
    if link == "file":
        (outside / "history").write_text("precious")
    before = {file.name: file.read_text() for file in outside.iterdir()}

    if link == "dangling":
        await act(hass, "export", **SINCE, path=str(path))
        assert not path.is_symlink()
    else:
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, "export", **SINCE, path=str(path))
        assert caught.value.translation_key == "path_not_allowed"

    assert {file.name: file.read_text() for file in outside.iterdir()} == before


async def test_a_folder_that_becomes_a_link_during_the_check_is_not_followed(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    """What was checked is what is written to."""
    link = folder / "link"
    (folder / "real").mkdir()
    link.symlink_to(folder / "real")
    allowed = hass.config.is_allowed_path

    def check(path: str) -> bool:
        found = allowed(path)
        link.unlink()
        link.symlink_to(folder.with_name("outside"))
        return found

    with patch.object(hass.config, "is_allowed_path", check):
        await act(hass, "export", **SINCE, path=str(link / "history"))

    assert (folder / "real" / "history").exists()
    assert list(folder.with_name("outside").iterdir()) == []


@pytest.mark.parametrize("name", ["his\0tory", ""])
async def test_a_path_that_is_none_is_refused_with_a_text(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path, name: str
) -> None:
    path = f"{folder}/{name}" if name else "."

    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "export", **SINCE, path=path)

    assert caught.value.translation_key == "path_not_allowed"
    assert "\0" not in str(caught.value.translation_placeholders)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("export", {"path": "/x"}),
        ("refire_events", {}),
        ("get_events", {}),
    ],
)
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
async def test_a_time_that_cannot_be_computed_with_is_refused_with_a_text(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    action: str,
    data: dict[str, Any],
    time: str,
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, action, **data, start_time=time)

    assert caught.value.translation_key == "time_out_of_range"
    assert caught.value.translation_placeholders == {"time": time}


async def test_no_cell_of_an_export_is_a_formula(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "1=1", 'a","=1']
    await async_deliver(
        hass,
        entry,
        *(
            spool_event("spool_inserted", 4, meta={"filament": {"name": name}})
            for name in names
        ),
    )
    path = folder / "history.csv"

    await act(hass, "export", **SINCE, path=str(path))

    text = path.read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    cells = [row["name"] for row in rows[-len(names) :]]
    events = [json.loads(row["event"]) for row in rows[-len(names) :]]
    kept = [event["meta"]["filament"]["name"] for event in events]
    assert cells == [
        name if name[0] in "1a" else f"'{name}"  # An apostrophe makes it text.
        for name in kept
    ]
    assert {"=1+1", "+1", "-1", "@SUM(A1)", "1=1"} <= set(kept)
