"""Folders of the tests: each has its own, and none is the test plugin's."""

from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import get_test_config_dir

from .common import async_set_up, make_entry

PLUGIN = Path(get_test_config_dir())  # type: ignore[no-untyped-call]


def _found(folder: str | Path, pattern: str = "*") -> list[Path]:
    return list(Path(folder).rglob(pattern))


async def test_the_configuration_folder_is_empty_and_not_the_plugins(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    folder = Path(hass.config.config_dir)

    assert _found(folder) == []
    assert not folder.is_relative_to(PLUGIN)
    assert not folder.is_relative_to(tmp_path)
    for media in hass.config.media_dirs.values():
        assert Path(media).is_relative_to(folder)


@pytest.mark.usefixtures("scripted_driver")
async def test_the_database_is_written_into_the_folder_of_the_test(
    hass: HomeAssistant,
) -> None:
    await async_set_up(hass, make_entry())

    assert _found(hass.config.config_dir, "*.db")
    assert not _found(PLUGIN, "*.db")
