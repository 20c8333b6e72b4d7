"""The quality scale: what is said to be done is done, as far as a program can tell."""

import ast
from collections.abc import AsyncIterator, Iterator
import json
from pathlib import Path
import ssl
import sys
import threading
from types import FrameType
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util.yaml import load_yaml
import pytest

from custom_components.filament_slots import config_flow, const
from custom_components.filament_slots.entity import FilamentSlotsEntity

from .printers.bambu import BambuPrinter
from .printers.bambu_scenarios import x1c
from .real_printer import entry_of, running, set_up

FOLDER = Path(const.__file__).parent
ROOT = FOLDER.parents[1]

BRONZE = """
    action-setup appropriate-polling brands common-modules config-flow
    config-flow-test-coverage dependency-transparency docs-actions docs-conditions
    docs-high-level-description docs-installation-instructions
    docs-removal-instructions docs-triggers entity-event-setup entity-unique-id
    has-entity-name runtime-data test-before-configure test-before-setup
    unique-config-entry
"""
SILVER = """
    action-exceptions config-entry-unloading docs-configuration-parameters
    docs-installation-parameters entity-unavailable integration-owner
    log-when-unavailable parallel-updates reauthentication-flow test-coverage
"""
GOLD = """
    devices diagnostics discovery discovery-update-info docs-data-update docs-examples
    docs-known-limitations docs-supported-devices docs-supported-functions
    docs-troubleshooting docs-use-cases dynamic-devices entity-category
    entity-device-class entity-disabled-by-default entity-translations
    exception-translations icon-translations reconfiguration-flow repair-issues
    stale-devices
"""
PLATINUM = "async-dependency inject-websession strict-typing"

# Where the documentation of a rule is: the file, and how its heading begins.
DOCS = {
    "docs-actions": ("docs/actions.md", "# Actions"),
    "docs-conditions": ("docs/automations.md", "## Conditions"),
    "docs-configuration-parameters": ("README.md", "### Options"),
    "docs-data-update": ("README.md", "## How it works"),
    "docs-examples": ("docs/automations.md", "### Examples"),
    "docs-high-level-description": ("README.md", "# Filament Slots"),
    "docs-installation-instructions": ("README.md", "## Install"),
    "docs-installation-parameters": ("README.md", "### What is asked"),
    "docs-known-limitations": ("README.md", "## Limits"),
    "docs-removal-instructions": ("README.md", "## Removal"),
    "docs-supported-devices": ("README.md", "## Supported printers"),
    "docs-supported-functions": ("README.md", "## What you get"),
    "docs-triggers": ("docs/automations.md", "## Triggers"),
    "docs-troubleshooting": ("README.md", "## Troubleshooting"),
    "docs-use-cases": ("README.md", "## What for"),
}

PLATFORMS = ("binary_sensor", "button", "event", "sensor")
# The files that belong to Home Assistant's floor.
MODULES = {path.stem: ast.parse(path.read_text()) for path in FOLDER.glob("*.py")}

# What raises these shows a text to somebody.
TRANSLATED = {
    "ConfigEntryAuthFailed",
    "ConfigEntryError",
    "ConfigEntryNotReady",
    "HomeAssistantError",
    "ServiceValidationError",
    "UpdateFailed",
}


def _rules() -> dict[str, tuple[str, str]]:
    """Return status and comment of each rule."""
    loaded: Any = load_yaml(str(FOLDER / "quality_scale.yaml"))
    return {
        rule: (said, "")
        if isinstance(said, str)
        else (said["status"], said.get("comment", ""))
        for rule, said in loaded["rules"].items()
    }


def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
    return manifest


def test_every_rule_is_answered() -> None:
    assert list(_rules()) == f"{BRONZE} {SILVER} {GOLD} {PLATINUM}".split()


def test_only_documentation_may_be_still_to_do() -> None:
    for rule, (status, comment) in _rules().items():
        assert status in {"done", "exempt", "todo"}
        assert status != "todo" or rule.startswith("docs-"), rule
        # Who is exempt has a reason.
        assert status != "exempt" or len(comment) > 20, rule


def test_what_is_documented_can_be_found() -> None:
    rules = _rules()
    assert set(DOCS) == {rule for rule in rules if rule.startswith("docs-")}

    for rule, (file, heading) in DOCS.items():
        lines = (ROOT / file).read_text().splitlines()
        written = any(line.startswith(heading) for line in lines)
        assert written or rules[rule][0] == "todo", rule


def test_the_brand_and_the_owner_are_there() -> None:
    assert (FOLDER / "brand" / "icon.png").is_file()
    assert (FOLDER / "brand" / "icon@2x.png").is_file()
    assert _manifest()["codeowners"]


def test_the_manifest_is_sorted_as_home_assistant_wants_it() -> None:
    keys = list(_manifest())

    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]


def test_nothing_is_required_that_home_assistant_brings() -> None:
    required = {
        requirement.split(">")[0].split("<")[0].split("=")[0]
        for requirement in _manifest()["requirements"]
    }

    assert required == {"aiomqtt", "paho-mqtt", "pydantic"}


@pytest.mark.parametrize(
    "step",
    [
        "async_step_user",
        "async_step_reauth",
        "async_step_reauth_confirm",
        "async_step_reconfigure",
        "async_step_zeroconf",
        "async_step_integration_discovery",
        "async_get_options_flow",
    ],
)
def test_the_flow_has_every_way_in(step: str) -> None:
    assert step in vars(config_flow.FilamentSlotsConfigFlow)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_says_how_many_updates_go_at_once(platform: str) -> None:
    assigned = {
        target.id
        for node in MODULES[platform].body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    assert "PARALLEL_UPDATES" in assigned


def test_every_entity_has_its_name_from_the_translations() -> None:
    assert FilamentSlotsEntity._attr_has_entity_name
    for platform in PLATFORMS:
        for node in ast.walk(MODULES[platform]):
            if isinstance(node, ast.keyword):
                assert node.arg not in {"name", "icon"}, (platform, node.value.lineno)
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"_attr_name", "_attr_icon"}, platform


def test_entries_are_typed_wherever_home_assistant_hands_one_in() -> None:
    wanted = {
        "async_setup_entry",
        "async_unload_entry",
        "async_remove_entry",
        "async_migrate_entry",
        "async_remove_config_entry_device",
        "async_get_config_entry_diagnostics",
        "async_get_device_diagnostics",
    }
    found = set()

    for name, module in MODULES.items():
        for node in module.body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name in wanted:
                found.add(node.name)
                entry = next(arg for arg in node.args.args if arg.arg == "entry")
                assert entry.annotation is not None
                annotation = ast.unparse(entry.annotation)
                assert annotation == "FilamentSlotsConfigEntry", (name, node.name)

    assert found == wanted


def test_nothing_of_an_entry_is_kept_in_hass_data() -> None:
    for name, module in MODULES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Subscript):
                assert ast.unparse(node) != "hass.data[DOMAIN]", (name, node.lineno)


def test_every_error_that_somebody_sees_is_translated() -> None:
    seen = 0
    for name, module in MODULES.items():
        for node in ast.walk(module):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=kind)) as call) if (
                    kind in TRANSLATED
                ):
                    seen += 1
                    keywords = {keyword.arg for keyword in call.keywords}
                    assert {"translation_domain", "translation_key"} <= keywords, (
                        name,
                        node.lineno,
                    )
    assert seen


def test_types_are_told_to_whoever_imports_the_package() -> None:
    assert (FOLDER / "py.typed").is_file()
    assert "strict = true" in (ROOT / "pyproject.toml").read_text()


def test_config_flows_are_covered_in_full() -> None:
    assert (
        "coverage report --include='*/config_flow.py' --fail-under=100"
        in (ROOT / "scripts" / "test").read_text()
    )


# Nothing blocks the event loop. Home Assistant's own detector sees neither sqlite3 nor
# the making of directories or SSL contexts, and is off for some of the rest in tests.

_BLOCKING = (
    "glob.",
    "import",
    "open",
    "os.chmod",
    "os.link",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.truncate",
    "os.utime",
    "shutil.",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "sqlite3.",
    "subprocess.",
    "time.sleep",
)


# Asked by asyncio's debug mode, for the source of what it may have to complain about.
_NOT_OURS = ("/linecache.py",)


class Watch:
    """Notes what our code does on the event loop that blocks it."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.caught: list[str] = []

    def note(self, what: str, caller: FrameType | None) -> None:
        """Note it if it is done on the loop, and done by us."""
        if self.thread != threading.get_ident():
            return
        while caller is not None:
            if caller.f_code.co_filename.startswith(str(FOLDER)):
                place = Path(caller.f_code.co_filename).relative_to(FOLDER)
                self.caught.append(f"{what} by {place}:{caller.f_lineno}")
                return
            if caller.f_code.co_filename.endswith(_NOT_OURS):
                return
            if "/homeassistant/" in caller.f_code.co_filename:
                return  # What Home Assistant does in its own way is its own business.
            caller = caller.f_back


WATCH = Watch()


def _audit(event: str, _: tuple[Any, ...]) -> None:
    if WATCH.thread is not None and event.startswith(_BLOCKING):
        WATCH.note(event, sys._getframe(1))


@pytest.fixture(scope="module")
def audit() -> None:
    """Hear of what Python does; such a hook stays for ever, and sleeps."""
    sys.addaudithook(_audit)


@pytest.fixture
def watch(
    hass: HomeAssistant, audit: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watch]:
    """Watch the thread of the event loop."""
    load, new = ssl.SSLContext.load_verify_locations, ssl.SSLContext.__new__

    def watched_load(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        WATCH.note("loading certificates", sys._getframe(1))
        load(self, *args, **kwargs)

    def watched_new(cls: type[ssl.SSLContext], *args: Any) -> ssl.SSLContext:
        WATCH.note("making an SSL context", sys._getframe(1))
        return new(cls, *args)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", watched_load)
    monkeypatch.setattr(ssl.SSLContext, "__new__", watched_new)
    WATCH.caught.clear()
    WATCH.thread = threading.get_ident()
    yield WATCH
    WATCH.thread = None


@pytest.fixture
async def printer(socket_enabled: None) -> AsyncIterator[BambuPrinter]:
    async with BambuPrinter(x1c()) as printer:
        yield printer


async def test_nothing_blocks_the_event_loop(
    hass: HomeAssistant, printer: BambuPrinter, watch: Watch
) -> None:
    entry = entry_of(printer)
    await set_up(hass, entry)
    await running(entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await running(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()

    assert not watch.caught, watch.caught


@pytest.mark.parametrize("kind", ["file", "database", "context"])
async def test_the_watch_would_see_it(watch: Watch, tmp_path: Path, kind: str) -> None:
    work = {
        "file": f"open({str(tmp_path / 'x')!r}, 'w').close()",
        "database": f"import sqlite3; sqlite3.connect({str(tmp_path / 'x')!r}).close()",
        "context": "import ssl; ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    }[kind]

    exec(compile(work, str(FOLDER / "ours.py"), "exec"))  # noqa: S102

    assert any("ours.py" in caught for caught in watch.caught)
