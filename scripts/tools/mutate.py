"""Runs mutation tests with mutmut, and checks how many mutants the tests find.

All mutants of the tracker and the slot state are tested, of the other modules that
pyproject.toml names a random sample. Verdicts are kept in mutants/ for the next run.
"""

import argparse
from collections import Counter
from fnmatch import fnmatch
import json
from pathlib import Path
import random
import subprocess
import sys

PACKAGE = "custom_components.filament_slots"
COMPLETE = ("drivers.tracking.*", "core.slot_state.*")
SAMPLED = ("core.event_jobs.*", "drivers.bambulab_mqtt.merge*")
ENOUGH = 90.0  # percent

# The exit codes in mutmut's files. A mutant that never ends is found, too.
VERDICTS = {
    0: "survived",
    1: "killed",
    3: "killed",
    5: "no tests",
    24: "timeout",
    -24: "timeout",
    33: "no tests",
    36: "timeout",
    152: "timeout",
    255: "timeout",
}
FOUND = {"killed", "timeout"}
NOT_RUN = "not run"


def main() -> int:
    """Run mutmut and print the score; 1 when it is too low."""
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("names", nargs="*", metavar="NAME", help="below the package")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()

    run_mutmut(options.workers, options.names or COMPLETE)
    names = chosen(verdicts(), options.names or COMPLETE)
    if not options.names and options.sample:
        rest = chosen(verdicts(), SAMPLED)
        sample = random.Random(options.seed).sample(
            rest, min(options.sample, len(rest))
        )
        run_mutmut(options.workers, sample)
        names += sample
    return report(names)


def run_mutmut(workers: int, patterns: tuple[str, ...] | list[str]) -> None:
    """Test the mutants that match and were not found before."""
    known = verdicts()
    names = [name for name in chosen(known, patterns) if known[name] not in FOUND]
    mutmut(workers, names or patterns)
    # Those of functions that have changed since: mutmut forgets their verdicts.
    known = verdicts()
    names = [name for name in chosen(known, patterns) if known[name] == NOT_RUN]
    if names:
        mutmut(workers, names)


def mutmut(workers: int, names: tuple[str, ...] | list[str]) -> None:
    """Test the mutants with these names."""
    subprocess.run(
        [
            *(sys.executable, "-m", "mutmut", "run", "--max-children", str(workers)),
            *(f"{PACKAGE}.{name}" for name in names),
        ],
        check=True,
    )


def verdicts() -> dict[str, str]:
    """Return the verdict on each mutant, by its name below the package."""
    return {
        name.removeprefix(f"{PACKAGE}."): (
            NOT_RUN if code is None else VERDICTS.get(code, f"exit code {code}")
        )
        for path in sorted(Path("mutants").rglob("*.py.meta"))
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items()
    }


def chosen(names: dict[str, str], patterns: tuple[str, ...] | list[str]) -> list[str]:
    """Return the names that match one of the patterns."""
    return sorted(
        name for name in names if any(fnmatch(name, pattern) for pattern in patterns)
    )


def report(names: list[str]) -> int:
    """Print the numbers and the mutants that were not found."""
    known = verdicts()
    missed = [name for name in names if known[name] not in FOUND]
    for name in missed:
        subprocess.run(
            [sys.executable, "-m", "mutmut", "show", f"{PACKAGE}.{name}"], check=False
        )
    for verdict, number in Counter(known[name] for name in names).most_common():
        print(f"{verdict:>12} {number:6}")
    score = 100 * (1 - len(missed) / len(names)) if names else 0.0
    print(f"found {score:.1f} % of {len(names)} mutants (at least {ENOUGH:.0f} %)")
    return 0 if score >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
