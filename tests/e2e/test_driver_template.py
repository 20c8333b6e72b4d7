"""The template of a driver, as its author and its users have it.

The kit is built and runs the template's tests in an environment of its own. Then its
component lies beside ours in a real Home Assistant, over an update of ours.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import module_from_spec, spec_from_file_location
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any

import pytest

from custom_components.filament_slots.api import API_VERSION

from .client import Client
from .hass import INTEGRATION, ROOT, HomeAssistant
from .integration import DOMAIN, add_entry, entry_state, slots, statuses

TEMPLATE = ROOT / "docs" / "driver-template"
COMPONENT = TEMPLATE / "custom_components" / "spool_box"
UV = Path(sys.executable).with_name("uv")


def _spool_box() -> Any:
    """Return the module of the template with the fictional printer."""
    spec = spec_from_file_location("spool_box", TEMPLATE / "tests" / "spool_box.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def box(socket_enabled: None) -> AsyncIterator[Any]:
    """Return a SpoolBox that is switched on, with an empty slot."""
    printer = _spool_box().SpoolBox()
    await printer.power_on()
    yield printer
    await printer.power_off()


@pytest.mark.process
async def test_the_template_passes_its_tests_with_the_kit_in_an_environment_of_its_own(
    tmp_path: Path, box: Any
) -> None:
    """Neither Home Assistant nor this repository is in it."""
    environment, template = tmp_path / "environment", tmp_path / "template"
    wheel = await _build(tmp_path)
    await _run(UV, "venv", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    await _run(UV, "pip", "install", "--python", python, wheel)
    shutil.copytree(TEMPLATE, template)

    tests = await _run(python, "-m", "pytest", "-q", cwd=template)

    assert " passed" in tests
    assert " failed" not in tests
    assert "homeassistant" not in await _run(UV, "pip", "list", "--python", python)

    await box.insert()
    driver, capture = "custom_components.spool_box.driver", tmp_path / "box.json"
    config = [f"{field}={value}" for field, value in box.config.items()]
    await _run(
        python,
        *("-m", "filament_slots_kit.capture", driver, *config),
        *("--seconds", "3", "--output", capture),
        cwd=template,
    )
    replayed = await _run(
        python,
        *("-m", "filament_slots_kit.replay", "--json", "--driver", driver, capture),
        cwd=template,
    )

    assert box.config["code"] not in capture.read_text()
    (slot,) = json.loads(replayed)["slots"]
    assert slot["identifiers"]["rfid_uid"] == "04A1B2C3"


@pytest.mark.process
async def test_the_types_of_the_kit_are_checked_as_those_of_the_integration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its wheel, where its modules have their places."""
    wheel, kit = await _build(tmp_path), tmp_path / "kit"
    shutil.unpack_archive(wheel, kit, "zip")
    monkeypatch.setenv("MYPYPATH", str(kit))
    mypy = (sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml")

    checked = await _run(*mypy, "-p", "filament_slots_kit", cwd=tmp_path)

    assert "no issues found" in checked


@pytest.mark.process
@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_a_printer_whose_component_is_gone_is_read_again_with_it_or_deleted(
    tmp_path: Path, environment: Path, box: Any
) -> None:
    home_assistant = HomeAssistant(tmp_path, environment)
    installed = tmp_path / "custom_components"
    _install_ours(installed, "0.1.0")
    # It counts as missing at once, and not after three minutes.
    guarded = installed / INTEGRATION.name / "drivers" / "guarded.py"
    text = guarded.read_text()
    assert "_MISSING_AFTER: Final = 180.0" in text
    guarded.write_text(text.replace("Final = 180.0", "Final = 0.1"))
    shutil.copytree(COMPONENT, installed / "spool_box")
    async with home_assistant:
        entry_id = await add_entry(home_assistant.client, "spool_box", box.config)
        await box.insert()
        await _slot_is(home_assistant.client, box, "identified")
        await home_assistant.stop()
        shutil.rmtree(installed / "spool_box")
        await home_assistant.start()

        await _issues_are(home_assistant.client, "unknown_driver")
        await _slot_is(home_assistant.client, box, "identified")
        await home_assistant.stop()

        shutil.copytree(COMPONENT, installed / "spool_box")
        await home_assistant.start()

        await _health_is(home_assistant.client, "running")
        await _issues_are(home_assistant.client)
        await home_assistant.stop()

        shutil.rmtree(installed / "spool_box")
        await home_assistant.start()
        client = home_assistant.client
        await _issues_are(client, "unknown_driver")

        await client.delete(f"config/config_entries/entry/{entry_id}")

        # Its history can still be deleted.
        await _issues_are(client, "printer_removed")
        assert await client.call("config_entries/get", domain=DOMAIN) == []
        devices = await client.call("config/device_registry/list")
        assert not [each for each in devices if entry_id in each["config_entries"]]
        entities = await client.call("config/entity_registry/list")
        assert not [each for each in entities if each["platform"] == DOMAIN]


@pytest.mark.process
@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_its_printer_outlasts_an_update_of_ours_and_a_wrong_version_is_refused(
    tmp_path: Path, environment: Path, box: Any
) -> None:
    home_assistant = HomeAssistant(tmp_path, environment)
    installed = tmp_path / "custom_components"
    _install_ours(installed, "0.1.0")
    shutil.copytree(COMPONENT, installed / "spool_box")
    async with home_assistant:
        entry_id = await add_entry(home_assistant.client, "spool_box", box.config)
        await _slot_is(home_assistant.client, box, "empty")
        await box.insert()
        await _slot_is(home_assistant.client, box, "identified")
        for capability, key in (("ping", "seconds"), ("test_connection", "steps")):
            answer = await home_assistant.client.call(
                f"{DOMAIN}/invoke", entry_id=entry_id, capability=capability
            )
            assert key in answer["result"]
        await home_assistant.stop()

        _install_ours(installed, "0.1.1")
        await home_assistant.start()

        await _health_is(home_assistant.client, "running")
        await _slot_is(home_assistant.client, box, "identified")
        await box.remove()
        await _slot_is(home_assistant.client, box, "empty")
        assert not await _issues(home_assistant.client)
        await home_assistant.stop()

        declared = installed / "spool_box" / "filament_slots.py"
        declared.write_text(declared.read_text().replace('"1.1"', '"2.0"'))
        await home_assistant.start()

        await _health_is(home_assistant.client, "waiting")
        assert await entry_state(home_assistant.client, entry_id) == "loaded"
        await _slot_is(home_assistant.client, box, "empty")
        issues = await _issues(home_assistant.client)
        assert list(issues) == ["component_version"]
        about = issues["component_version"]["translation_placeholders"]
        assert about["component"] == "SpoolBox for Filament Slots"
        assert (about["theirs"], about["ours"]) == ("2.0", API_VERSION)


def _install_ours(installed: Path, version: str) -> None:
    """Replace our folder, as an update does."""
    folder = installed / INTEGRATION.name
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(INTEGRATION, folder, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["version"] = version
    (folder / "manifest.json").write_text(json.dumps(manifest))


async def _health_is(client: Client, status: str) -> None:
    """Wait until the driver of the one printer has this status."""

    async def reached() -> bool:
        (printer,) = (await client.call(f"{DOMAIN}/health"))["printers"]
        return bool(printer["health"] and printer["health"]["status"] == status)

    await _until(reached)


async def _slot_is(client: Client, box: Any, status: str) -> None:
    """Wait until the one slot has this status."""
    identity = f"127.0.0.1:{box.config['port']}"

    async def reached() -> bool:
        return list(statuses(await slots(client, identity)).values()) == [status]

    await _until(reached)


async def _until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await reached():
            await asyncio.sleep(0.1)


async def _issues(client: Client) -> dict[str, Any]:
    """Return our repairs."""
    issues = (await client.call("repairs/list_issues"))["issues"]
    return {i["translation_key"]: i for i in issues if i["domain"] == DOMAIN}


async def _issues_are(client: Client, *issues: str) -> None:
    """Wait until we have these repairs, and no others."""

    async def reached() -> bool:
        return [*await _issues(client)] == [*issues]

    await _until(reached)


async def _build(folder: Path) -> Path:
    """Build the wheel of the kit."""
    await _run(UV, "build", "--wheel", "--out-dir", folder, ROOT / "kit")
    return folder / f"filament_slots_kit-{API_VERSION}.0-py3-none-any.whl"


async def _run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return its output; the box goes on meanwhile."""
    result = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return str(result.stdout)
