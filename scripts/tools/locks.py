"""Resolve the package lists in scripts/locks again, with hashes.

`test.txt` is the group `test` of pyproject.toml, `mutate.txt` the same with what
mutation tests need. `ha.txt` is the group `ha` (the
newest Home Assistant), what Home Assistant would install by itself for the
configuration of the end-to-end tests, and what the manifest requires, all under
Home Assistant's own constraints. It contains nothing else, so that an integration
that works there works with what a user has. `ha-oldest.txt` is the same for the oldest
supported Home Assistant. `moonraker.txt` is the Moonraker that the tests run.

With `--newest`, the exact versions in the groups `test` and `ha` are raised first.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "scripts" / "locks"
CONFIGURATION = ROOT / "tests" / "e2e" / "configuration.yaml"
PROJECT = ROOT / "pyproject.toml"
OUR_MANIFEST = ROOT / "custom_components" / "filament_slots" / "manifest.json"

# Home Assistant depends on uv.
UV = (sys.executable, "-m", "uv", "pip")

# These have no wheels and would need a C compiler. Without them only Home Assistant's
# assist_pipeline (voice control) does not load.
NEED_A_COMPILER = {"pymicro-vad", "pyspeex-noise"}

# Integrations that tests add by their dialogs.
ADDED_BY_TESTS = {"mcp_server", "mqtt"}

# The wheel of ulid-transform 2.2.9 for glibc 2.41 lacks the compiled part that its
# other wheels have, and a system with that glibc prefers it.
INCOMPLETE_WHEELS = {
    "f62d23bf7ed08e086e27dc5f5c89f9aec4d79316174529070073505bc367d8fa",
}

# The names in Home Assistant's bootstrap.py.
ALWAYS_LOADED = {"CORE_INTEGRATIONS", "DEFAULT_INTEGRATIONS"}


def main() -> None:
    """Write all lists."""
    if sys.argv[1:] == ["--newest"]:
        raise_versions("test", "ha")
    elif sys.argv[1:]:
        sys.exit("usage: scripts/lock [--newest]")
    LOCKS.mkdir(exist_ok=True)
    compile_lock("test.txt", "--group", "test")
    tested = ("--constraints", str(LOCKS / "test.txt"))
    compile_lock("mutate.txt", "--group", "mutate", *tested)
    # Universal: Moonraker runs with whichever Python the machine has.
    compile_lock(
        "moonraker.txt",
        "--universal",
        "--python-version",
        "3.11",
        str(LOCKS / "moonraker.in"),
    )

    for group in ("ha", "ha-oldest"):
        lock_home_assistant(group, packages_of(group))


def packages_of(group: str) -> list[str]:
    """Return the requirements of a dependency group."""
    groups = tomllib.loads(PROJECT.read_text())["dependency-groups"]
    packages: list[str] = groups[group]
    return packages


def raise_versions(*groups: str) -> None:
    """Set the exact versions in these groups of pyproject.toml to the newest ones."""
    for package in (package for group in groups for package in packages_of(group)):
        name, exact, _ = package.partition("==")
        if not exact:
            continue
        newest = subprocess.run(
            [*UV, "compile", "--quiet", "--no-deps", "--no-header", "-"],
            input=name,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        PROJECT.write_text(PROJECT.read_text().replace(f'"{package}"', f'"{newest}"'))
        print(f"{package} -> {newest}")


def lock_home_assistant(group: str, packages: list[str]) -> None:
    """Write the list of one Home Assistant, whose requirements are read from its wheel."""
    with tempfile.TemporaryDirectory() as folder:
        uv("install", "--quiet", "--no-deps", "--target", folder, *packages)
        home_assistant = Path(folder) / "homeassistant"
        wanted = Path(folder) / "wanted.in"
        wanted.write_text("\n".join(sorted(requirements(home_assistant))))
        compile_lock(
            f"{group}.txt",
            "--group",
            group,
            "--constraints",
            str(home_assistant / "package_constraints.txt"),
            str(wanted),
        )


def requirements(home_assistant: Path) -> Iterator[str]:
    """Yield what Home Assistant installs for our configuration and integration.

    By its own rule: the requirements of every integration it loads, of its
    dependencies and of its after-dependencies.
    """
    manifests = {
        path.parent.name: json.loads(path.read_text())
        for path in (home_assistant / "components").glob("*/manifest.json")
    }
    ours = json.loads(OUR_MANIFEST.read_text())
    manifests[ours["domain"]] = ours

    seen: set[str] = set()
    waiting = {
        ours["domain"],
        *ADDED_BY_TESTS,
        *loaded_by_default(home_assistant / "bootstrap.py"),
        *(d for d, m in manifests.items() if m.get("integration_type") == "entity"),
        *re.findall(r"^(\w+):", CONFIGURATION.read_text(), re.MULTILINE),
    }
    while waiting:
        domain = waiting.pop()
        if domain in seen or domain not in manifests:
            continue
        seen.add(domain)
        manifest = manifests[domain]
        waiting.update(manifest.get("dependencies", ()))
        waiting.update(manifest.get("after_dependencies", ()))
        for requirement in manifest.get("requirements", ()):
            if re.split(r"[^\w.-]", requirement)[0] not in NEED_A_COMPILER:
                yield requirement


def loaded_by_default(bootstrap: Path) -> Iterator[str]:
    """Yield the integrations that bootstrap.py names as always loaded.

    Read from the source, because importing it needs the packages we look for.
    """
    for node in ast.parse(bootstrap.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in ALWAYS_LOADED:
                parts = ast.walk(node.value)
                yield from (str(p.value) for p in parts if isinstance(p, ast.Constant))


def compile_lock(name: str, *sources: str) -> None:
    """Resolve `sources` into scripts/locks/`name`, with hashes and without hosts."""
    lock = LOCKS / name
    # Emptied first, as uv keeps the versions that it finds in its output file.
    lock.write_text("")
    uv(
        "compile",
        "--quiet",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--output-file",
        str(lock),
        *sources,
    )
    for digest in INCOMPLETE_WHEELS:
        hashed = f" \\\n    --hash=sha256:{digest}"
        lock.write_text(lock.read_text().replace(hashed, ""))
    print(f"{lock.relative_to(ROOT)}: {lock.read_text().count('==')} packages")


def uv(*arguments: str) -> None:
    """Run `uv pip` in the repository."""
    subprocess.run([*UV, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
