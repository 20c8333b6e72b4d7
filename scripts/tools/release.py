"""Build the download of a release: a zip of the contents of the integration's folder.

It holds the licence of the project, and with the dashboard those of what is bundled.

    python3 scripts/tools/release.py 1.2.3 filament_slots.zip

Requires only Python. The given version is written into the zipped manifest.
"""

import json
from pathlib import Path
import re
import sys
import zipfile

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "custom_components" / "filament_slots"
LICENCE = ROOT / "LICENSE"
BUNDLE = Path("frontend")
# Of the packages in the dashboard, written by `frontend/build.mjs`.
BUNDLED_LICENCES = BUNDLE / "licences.txt"


class ReleaseError(Exception):
    """The release cannot be built."""


def make_release(version: str, target: Path, folder: Path = FOLDER) -> list[str]:
    """Write the zip; return the names in it.

    Raises ReleaseError for an invalid version, or when the dashboard or the licences of
    what is in it have not been built.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise ReleaseError(f"{version!r} is no version like 1.2.3 or 1.2.3b1")
    files = [
        path.relative_to(folder)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    if not any(path.suffix == ".js" and BUNDLE in path.parents for path in files):
        raise ReleaseError(
            "the dashboard has not been built: run scripts/setup frontend"
        )
    if BUNDLED_LICENCES not in files:
        raise ReleaseError(f"{BUNDLED_LICENCES} is missing: run scripts/setup frontend")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            content = (folder / path).read_bytes()
            if path == Path("manifest.json"):
                manifest = json.loads(content) | {"version": version}
                content = json.dumps(manifest, indent=2).encode() + b"\n"
            archive.writestr(str(path), content)
        archive.write(LICENCE, LICENCE.name)
        return archive.namelist()


def main() -> int:
    """Run the command line; return the exit code."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        names = make_release(sys.argv[1], Path(sys.argv[2]))
    except ReleaseError as err:
        print(f"release: {err}", file=sys.stderr)
        return 1
    print(f"{sys.argv[2]}: {len(names)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
