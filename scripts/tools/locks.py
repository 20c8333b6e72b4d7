"""Make the locked package lists in scripts/locks anew.

`test.txt` is the group `test` of pyproject.toml. `ha.txt` is the group `ha` (the
newest Home Assistant), what Home Assistant would install by itself for the
configuration of our end-to-end tests, and what our manifest requires, all under
Home Assistant's own constraints. Nothing else goes in: an integration that works
there works with what a user has. `ha-oldest.txt` is the same for the oldest Home
Assistant we support. `moonraker.txt` is the real Moonraker that the tests run.
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
OUR_MANIFEST = ROOT / "custom_components" / "filament_slots" / "manifest.json"

# The two have no wheels and would need a C compiler. Without them only Home
# Assistant's assist_pipeline does not load, which listens to voices.
NEED_A_COMPILER = {"pymicro-vad", "pyspeex-noise"}

# The wheel of ulid-transform 2.2.9 for glibc 2.41 lacks the compiled part that its
# other wheels and Home Assistant's own have, and is taken before them on a new system.
INCOMPLETE_WHEELS = {
    "f62d23bf7ed08e086e27dc5f5c89f9aec4d79316174529070073505bc367d8fa",
}

# The names in Home Assistant's bootstrap.py.
ALWAYS_LOADED = {"CORE_INTEGRATIONS", "DEFAULT_INTEGRATIONS"}


def main() -> None:
    """Write all lists."""
    LOCKS.mkdir(exist_ok=True)
    compile_lock("test.txt", "--group", "test")
    # For whatever Python the machine has: Moonraker runs in a process of its own.
    compile_lock(
        "moonraker.txt",
        "--universal",
        "--python-version",
        "3.11",
        str(LOCKS / "moonraker.in"),
    )

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for group in ("ha", "ha-oldest"):
        lock_home_assistant(group, groups[group])


def lock_home_assistant(group: str, packages: list[str]) -> None:
    """Write the list of one Home Assistant; its own requirements are in its wheel."""
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
    """Yield what a Home Assistant with our configuration and integration requires.

    Home Assistant's own rule: the requirements of every integration it loads, of
    its dependencies and of its after-dependencies.
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
    # An empty list means "resolve anew": with a filled one uv keeps its versions.
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
    """Run `uv pip` in the repository; Home Assistant brings uv along."""
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", *arguments], cwd=ROOT, check=True
    )


if __name__ == "__main__":
    main()
