"""Quality scale: every rule that is marked as done is checked, where a test can."""

import ast
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.metadata import packages_distributions, requires
import json
from pathlib import Path
import re
import ssl
import sys
import threading
import tomllib
from types import FrameType
from typing import Any

import homeassistant
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration
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

# Where the documentation of a rule is: the file, and the start of its heading.
DOCS = {
    "docs-actions": ("docs/actions.md", "# Actions"),
    "docs-conditions": ("docs/automations.md", "## Conditions"),
    "docs-configuration-parameters": ("docs/setup.md", "## Options"),
    "docs-data-update": ("docs/setup.md", "## How it works"),
    "docs-examples": ("docs/automations.md", "### Examples"),
    "docs-high-level-description": ("README.md", "# Filament Slots"),
    "docs-installation-instructions": ("README.md", "## Install"),
    "docs-installation-parameters": ("docs/setup.md", "## What is asked"),
    "docs-known-limitations": ("docs/troubleshooting.md", "## Limits"),
    "docs-removal-instructions": ("docs/setup.md", "## Removal"),
    "docs-supported-devices": ("docs/printers.md", "# Supported printers"),
    "docs-supported-functions": ("docs/entities.md", "# Devices, entities and cards"),
    "docs-triggers": ("docs/automations.md", "## Triggers"),
    "docs-troubleshooting": ("docs/troubleshooting.md", "# Troubleshooting"),
    "docs-use-cases": ("README.md", "## What you can do with it"),
}

# The modules of the Home Assistant side.
MODULES = {path.stem: ast.parse(path.read_text()) for path in FOLDER.glob("*.py")}

# Exceptions whose text is shown to users.
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
        rule: (answer, "")
        if isinstance(answer, str)
        else (answer["status"], answer.get("comment", ""))
        for rule, answer in loaded["rules"].items()
    }


def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
    return manifest


def test_every_rule_is_answered() -> None:
    assert list(_rules()) == f"{BRONZE} {SILVER} {GOLD} {PLATINUM}".split()


def test_only_documentation_may_be_to_do_and_an_exemption_has_a_reason() -> None:
    for rule, (status, comment) in _rules().items():
        assert status in {"done", "exempt", "todo"}
        assert status != "todo" or rule.startswith("docs-"), rule
        assert status != "exempt" or len(comment) > 20, f"{rule} needs a reason"


@pytest.mark.parametrize(
    "rule", ["appropriate-polling", "entity-unavailable", "test-before-setup"]
)
def test_a_rule_that_is_not_followed_on_purpose_is_not_marked_as_done(
    rule: str,
) -> None:
    """Nothing is polled, slots stay available, and entries load with the printer off."""
    status, comment = _rules()[rule]

    assert status in {"exempt", "todo"}
    assert comment


def test_every_rule_of_documentation_has_a_section_with_text() -> None:
    rules = _rules()
    assert set(DOCS) == {rule for rule in rules if rule.startswith("docs-")}

    for rule, (file, heading) in DOCS.items():
        text = f"\n{(ROOT / file).read_text()}".partition(f"\n{heading}")[2]
        same_level = rf"^#{{1,{heading.index(' ')}}} "
        section = re.split(same_level, text.partition("\n")[2], flags=re.MULTILINE)[0]
        assert section.strip() or rules[rule][0] == "todo", rule


def test_the_brand_and_the_owner_are_there() -> None:
    assert (FOLDER / "brand" / "icon.png").is_file()
    assert (FOLDER / "brand" / "icon@2x.png").is_file()
    assert _manifest()["codeowners"]


def test_the_manifest_is_sorted_as_home_assistant_wants_it() -> None:
    keys = list(_manifest())

    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]


async def test_the_manifest_names_category_and_connectivity_in_home_assistants_words(
    hass: HomeAssistant,
) -> None:
    """Home Assistant 2026.11 has lists of both; earlier versions ignore the keys."""
    integration = await async_get_integration(hass, const.DOMAIN)
    manifest: dict[str, Any] = dict(integration.manifest)

    assert manifest["categories"] == ["computers_network.printers"]
    assert manifest["connectivity"] == ["network"]
    lists = Path(homeassistant.__file__).parent / "generated"
    if (known := lists / "integration_categories.json").exists():
        slugs = {
            f"{group['slug']}.{each['slug']}"
            for group in json.loads(known.read_text())
            for each in group.get("subcategories", ())
        }
        assert set(manifest["categories"]) <= slugs


def test_the_manifest_requires_what_is_imported_and_home_assistant_does_not_bring() -> (
    None
):
    brought = set(map(_distribution, requires("homeassistant") or ()))
    imported = {
        distribution.lower()
        for path in FOLDER.rglob("*.py")
        for module in _imported(ast.parse(path.read_text()))
        if module not in sys.stdlib_module_names
        for distribution in packages_distributions().get(module, [module])
    }

    assert {_distribution(text) for text in _manifest()["requirements"]} == (
        imported - brought - {"homeassistant"}
    )


def _distribution(requirement: str) -> str:
    """Return the name of the package in a requirement."""
    return re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower()


def _imported(module: ast.Module) -> Iterator[str]:
    """Yield the top-level packages that a module imports, in any of its functions."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.partition(".")[0]


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
def test_the_flow_has_every_entry_step(step: str) -> None:
    assert step in vars(config_flow.FilamentSlotsConfigFlow)


@pytest.mark.parametrize("platform", const.PLATFORMS)
def test_every_platform_limits_parallel_updates(platform: str) -> None:
    assigned = {
        target.id
        for node in MODULES[platform].body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    assert "PARALLEL_UPDATES" in assigned


def test_names_and_icons_of_entities_come_from_the_translations_alone() -> None:
    """None is set as an argument, an attribute or a property."""
    assert FilamentSlotsEntity._attr_has_entity_name
    for module in ("entity", *const.PLATFORMS):
        for node in ast.walk(MODULES[module]):
            match node:
                case (
                    ast.keyword(arg=name)
                    | ast.FunctionDef(name=name)
                    | ast.Attribute(attr=name, ctx=ast.Store())
                    | ast.Name(id=name, ctx=ast.Store())
                ) if name:
                    name = name.removeprefix("_attr_")
                    assert name not in {"icon", "suggested_object_id"}, module
                    assert name != "name" or isinstance(node, ast.Name), module


def test_every_function_that_home_assistant_calls_with_an_entry_types_it() -> None:
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


# Who is given entries of other integrations as well, or of printers and inventories alike.
ANY_ENTRY = {
    ("entry_kinds", "is_printer"),
    ("options", "async_migrate_options"),
    ("websocket_subscription", "_includes"),
    ("websocket_subscription", "_entry_changed"),
}


def test_an_entry_has_the_type_of_this_integration_everywhere() -> None:
    untyped = {
        (name, function.name)
        for name, module in MODULES.items()
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for annotation in (
            *(
                arg.annotation
                for arg in ast.walk(function.args)
                if isinstance(arg, ast.arg)
            ),
            function.returns,
        )
        if annotation is not None
        and any(
            isinstance(node, ast.Name) and node.id == "ConfigEntry"
            for node in ast.walk(annotation)
        )
    }

    assert untyped == ANY_ENTRY


# What is kept in hass.data, and why it belongs to no entry.
SHARED_DATA = {
    "SharedCore": "the store of all entries",
    "Announcements": "the listener for printers, known or not",
    "_LoopWatch": "whether a driver of another component blocks the event loop",
    "asyncio.Task[None]": "the set-up of the components that bring drivers",
    "SpoolSelector": "the spools that the editor of an action lists",
    "SpoolAlerts": "what was sent about the slots of all printers",
    "SlotSpools": "the spools of the slots of all printers, from all inventories",
    "dict[str, float]": "when an address was changed: outlives the reload after it",
}


def test_what_belongs_to_an_entry_is_kept_in_its_runtime_data() -> None:
    """Whatever touches hass.data does so with a typed key of something shared."""
    for name, module in MODULES.items():
        keys = {
            node.target.id: ast.unparse(node.annotation)
            for node in module.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        for place in _uses_of_hass_data(module):
            key = _key(place)
            assert key in keys, (name, ast.unparse(place))
            kind = keys[key].removeprefix("HassKey[").removesuffix("]")
            assert kind in SHARED_DATA, (name, ast.unparse(place))


def _uses_of_hass_data(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the expressions directly around each `hass.data`."""
    for node in ast.walk(module):
        for child in ast.iter_child_nodes(node):
            if ast.unparse(child) in {"hass.data", "self.hass.data", "self._hass.data"}:
                parent = node
                if isinstance(node, ast.Attribute):
                    parent = next(
                        call
                        for call in ast.walk(module)
                        if isinstance(call, ast.Call) and call.func is node
                    )
                yield parent


def _key(use: ast.AST) -> str | None:
    """Return the name of the key in `hass.data[key]`, `.get(key)` or `key in ...`."""
    match use:
        case (
            ast.Subscript(slice=ast.Name(id=name))
            | ast.Call(args=[ast.Name(id=name), *_])
            | ast.Compare(left=ast.Name(id=name))
        ):
            return name
    return None


@pytest.mark.parametrize(
    "code",
    [
        "hass.data[DOMAIN][entry.entry_id] = 1",
        "hass.data.setdefault(entry.entry_id, {})",
        "x = self.hass.data",
        "hass.data['filament_slots'] = 1",
    ],
)
def test_a_use_of_hass_data_without_a_shared_key_is_found(code: str) -> None:
    uses = list(_uses_of_hass_data(ast.parse(code)))

    assert uses
    assert all(_key(use) in {None, "DOMAIN"} for use in uses)


def test_every_exception_that_users_see_is_translated() -> None:
    """Wherever one is made, raised at once or not; none is raised without a text."""
    made = 0
    for name, module in MODULES.items():
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Name(id=kind), keywords=keywords) if (
                    kind in TRANSLATED
                ):
                    made += 1
                    given = {keyword.arg for keyword in keywords}
                    assert {"translation_domain", "translation_key"} <= given, (
                        name,
                        node.lineno,
                    )
                case ast.Raise(exc=ast.Name(id=kind)):
                    assert kind not in TRANSLATED, (name, node.lineno)
    assert made


def test_the_package_ships_its_types_and_is_checked_strictly() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]

    assert (FOLDER / "py.typed").is_file()
    assert settings["strict"] is True
    assert "custom_components.filament_slots" in settings["packages"]
    for override in settings.get("overrides", ()):
        assert "filament_slots." not in str(override["module"])


def test_the_test_script_requires_full_coverage_of_config_flows() -> None:
    assert (
        "coverage report --include='*/config_flow.py' --fail-under=100"
        in (ROOT / "scripts" / "test").read_text()
    )


# Home Assistant's own detector of blocking calls misses sqlite3 and directories, and is
# partly switched off in tests.

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


# asyncio's debug mode reads source files for its warnings.
_NOT_OURS = ("/linecache.py",)


class BlockingCalls:
    """Records the blocking calls that our code makes on the event loop."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.caught: list[str] = []

    def note(self, what: str, caller: FrameType | None) -> None:
        """Record a call if it was made on the loop's thread, and by our code."""
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
                return  # Home Assistant made the call, not our code.
            caller = caller.f_back


RECORDED = BlockingCalls()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo" and args[0] == "127.0.0.1":
        return  # An address is not looked up.
    if RECORDED.thread is not None and event.startswith(_BLOCKING):
        RECORDED.note(event, sys._getframe(1))


@pytest.fixture(scope="module")
def audit() -> None:
    """Install the hook, which cannot be removed; it records only during a test."""
    sys.addaudithook(_audit)


@pytest.fixture
def blocking(
    hass: HomeAssistant, audit: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BlockingCalls]:
    """Record the blocking calls on the thread of the event loop."""
    for name in (
        "load_cert_chain",
        "load_default_certs",
        "load_verify_locations",
        "set_default_verify_paths",
    ):
        monkeypatch.setattr(ssl.SSLContext, name, _recorded(name))
    RECORDED.caught.clear()
    RECORDED.thread = threading.get_ident()
    yield RECORDED
    RECORDED.thread = None


def _recorded(name: str) -> Callable[..., None]:
    """Return a method of SSL contexts that reads files, but for data alone."""
    load = getattr(ssl.SSLContext, name)

    def recorded(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        if args or kwargs.keys() != {"cadata"}:
            RECORDED.note("loading certificates", sys._getframe(1))
        load(self, *args, **kwargs)

    return recorded


@pytest.fixture
async def printer(socket_enabled: None) -> AsyncIterator[BambuPrinter]:
    async with BambuPrinter(x1c()) as printer:
        yield printer


async def test_nothing_blocks_the_event_loop(
    hass: HomeAssistant, printer: BambuPrinter, blocking: BlockingCalls
) -> None:
    entry = entry_of(printer)
    await set_up(hass, entry)
    await running(entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await running(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()

    assert not blocking.caught, blocking.caught


@pytest.mark.parametrize("kind", ["file", "database", "certificates"])
async def test_a_blocking_call_is_recorded(
    blocking: BlockingCalls, tmp_path: Path, kind: str
) -> None:
    work = {
        "file": f"open({str(tmp_path / 'x')!r}, 'w').close()",
        "database": f"import sqlite3; sqlite3.connect({str(tmp_path / 'x')!r}).close()",
        "certificates": "import ssl; ssl.create_default_context()",
    }[kind]

    exec(compile(work, str(FOLDER / "ours.py"), "exec"))  # noqa: S102

    assert any("ours.py" in caught for caught in blocking.caught)
