"""One word for one thing: words that this project does not use, found in the whole tree.

Names count as well: `_told`, `StandIn` and `printer_picture` are read word by word.
"""

from collections.abc import Iterator
from pathlib import Path
import re
import subprocess

import pytest

ROOT = Path(__file__).parents[1]

# What a word is replaced by, next to the pattern that finds the word.
LEFT_OUT = {
    r"told|tells|hears?|heard|hearing|says|said": "reported, published, received, states",
    r"news": "changes, events, data",
    r"pictures?": "snapshot (from a driver), state (confirmed)",
    r"ill|illness|illnesses": "outage, unavailable, database error",
    r"wear|climate|truth": "usage, telemetry, state",
    r"lanes?": "queue, queue key",
    r"errands?": "job, task",
    r"ledgers?|packing|hosting": "codec, driver_host or another name of its content",
    r"anew|once more|begun": "again, started, created",
    r"for ?ever": "indefinitely, permanently",
    r"nobody|somebody|whoever|everybody|anybody": "the caller, subscriber, user",
    r"ripe|in doubt|at ease": "confirmed, pending",
    r"certain": "confirmed, specific",
    r"stand[- ]ins?|standins?": "redaction, pseudonym, substitute",
    r"design \d+": "a document of this repository",
}
GERMAN = {
    r"niemand|irgendwer": "a sentence about the thing itself",
    r"stumm\w*|verstummt": "sendet nichts",
    r"fort": "entfernt, nicht vorhanden",
    r"geruht": "im Leerlauf",
    r"geschehen": "Zeitpunkt, passieren",
    r"großzügig\w*": "der größte Wert",
    r"von selbst": "automatisch",
    r"von neuem|aufs neue": "erneut",
    r"im Weg|der Fall": "woran es liegt",
}

# Where a word stays: a path, the text around the word, and the reason.
ALLOWED: list[tuple[str, str, str]] = [
    (
        (
            r"(^|/)(test_)?(afc|openams|snapmaker_u1|choose|replay|cases)\.py$|/statuses\.py$|/test_real_moonraker\w*\.py$"
            r"|^tests/printers/(box_turtle|moonraker_scenarios)\.py$|^tests/oracle/klipper_\w+\.py$"
            r"|^docs/(printers|troubleshooting)\.md$|/demo_printers\.py$|/test_dashboard\.py$"
            r"|/test_state_captures\.py$|^docs/protocols/moonraker\.md$|^tests/captures/moonraker-afc"
        ),
        r"\blanes?\b",
        "AFC calls its slots lanes, OpenAMS its paths, in their objects.",
    ),
]

SKIPPED = re.compile(
    r"^LICENSE$|^scripts/locks/|(^|/)package-lock\.json$|\.ambr$|\.(png|webp)$|\.db$"
    r"|^tests/test_words\.py$|/translations/(?!(en|de)\.json$)"
)

WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
ENGLISH_WORDS = re.compile(rf"\b({'|'.join(LEFT_OUT)})\b", re.IGNORECASE)
GERMAN_WORDS = re.compile(rf"\b({'|'.join(GERMAN)})\b", re.IGNORECASE)
EXCEPTIONS = [
    (re.compile(path), re.compile(text, re.IGNORECASE)) for path, text, _ in ALLOWED
]


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for path in listed.split("\0") if path and not SKIPPED.search(path)]


def found(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each left-out word, the path being line 0."""
    words = GERMAN_WORDS if path.endswith("de.json") else ENGLISH_WORDS
    exceptions = [text for where, text in EXCEPTIONS if where.search(path)]
    for number, line in enumerate([path, *text.splitlines()]):
        plain = WORD_START.sub(" ", line)
        if not words.search(plain):
            continue
        for exception in exceptions:
            plain = exception.sub("", plain)
        for hit in words.finditer(plain):
            yield number, hit[0]


def _better(path: str, word: str) -> str:
    """Return what the table has in place of a word."""
    table = GERMAN if path.endswith("de.json") else LEFT_OUT
    return next(
        better
        for pattern, better in table.items()
        if re.fullmatch(pattern, word, re.IGNORECASE)
    )


def test_no_left_out_word_is_used() -> None:
    hits = [
        f"{path}:{number}: {word} (better: {_better(path, word)})"
        for path in _files()
        if (ROOT / path).is_file()  # A file may be removed and not committed yet.
        for number, word in found(path, (ROOT / path).read_text())
    ]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("self._told = 1", "told"),
        ("class StandIns:", "Stand Ins"),
        ("def printer_picture():", "picture"),
        ("kept for ever", "for ever"),
        ("# See design 5.", "design 5"),
        ("Nobody knows.", "Nobody"),
    ],
)
def test_a_left_out_word_is_found_in_names_and_sentences(line: str, word: str) -> None:
    assert list(found("a.py", f"\n{line}\n")) == [(2, word)]


def test_a_word_within_another_is_not_a_hit() -> None:
    assert not list(
        found("a.py", "filling stolen planes, newsletters, planet, certainly")
    )


@pytest.mark.parametrize(("path", "text", "reason"), ALLOWED)
def test_each_exception_is_needed(path: str, text: str, reason: str) -> None:
    where, what = re.compile(path), re.compile(text, re.IGNORECASE)
    assert reason
    assert any(
        what.search(WORD_START.sub(" ", f"{file}\n{(ROOT / file).read_text()}"))
        for file in _files()
        if where.search(file) and (ROOT / file).is_file()
    )
