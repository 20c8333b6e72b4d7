"""Citations of the documents, and the links between them, lead to something that exists.

Code cites `docs/protocols/bambu.md 3.4` (a numbered section or a P-number) or
`docs/architecture.md "Tracker rules"` (a heading).
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
import re
import subprocess

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

CITATION = re.compile(
    r"(?P<file>docs/[\w./-]+\.(?:md|json))"
    r"(?P<sections>(?:(?: |, | and | to )(?:P\d+|\d+(?:\.\d+)?)(?![\w%]))+)?"
    r'(?: "(?P<heading>[^"]+)")?'
)
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
# Documents that are not in the repository, or are not named by their path.
DEAD = re.compile(r"\bdesign \d|(?<![\w/])(?:bambu|moonraker|design)\.md\b")


def tracked() -> list[Path]:
    """Return the files of the repository, without tests that show dead citations."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        path
        for name in listed.stdout.split("\0")
        if (path := ROOT / name).is_file()
        and name not in ("tests/test_citations.py", "tests/test_words.py")
    ]


def on_one_line(text: str) -> str:
    """Join lines, so that a citation may be broken at the end of one."""
    return re.sub(r"\s*\n\s*(?:(?:#|//|\*|>) )?\s*", " ", text)


@cache
def headings(page: Path) -> frozenset[str]:
    return frozenset(
        re.findall(r"^#+ (.+?)\s*$", page.read_text(), re.MULTILINE),
    )


@cache
def sections(page: Path) -> frozenset[str]:
    """Return the numbers of headings, and of paragraphs that begin with one."""
    return frozenset(
        re.findall(
            r"^(?:#+ )?(P\d+|\d+(?:\.\d+)?)(?=[. ])", page.read_text(), re.MULTILINE
        )
    )


def anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings(page)
    }


def dead_citations(text: str) -> Iterator[str]:
    """Yield what a text cites that does not exist."""
    text = on_one_line(text)
    yield from DEAD.findall(text)
    for found in CITATION.finditer(text):
        page = ROOT / found["file"]
        if not page.is_file():
            yield found[0]
            continue
        cited = re.findall(r"P\d+|\d+(?:\.\d+)?", found["sections"] or "")
        if not sections(page).issuperset(cited):
            yield found[0]
        if found["heading"] and found["heading"] not in headings(page):
            yield found[0]


def dead_links(page: Path) -> Iterator[str]:
    """Yield the links of a page to files and headings that do not exist."""
    for found in LINK.finditer(page.read_text()):
        target = (page.parent / found["file"]).resolve() if found["file"] else page
        if not target.exists() or (
            found["anchor"]
            and target.suffix == ".md"
            and found["anchor"] not in anchors(target)
        ):
            yield found[0]


def test_every_citation_leads_to_a_section_that_exists() -> None:
    dead = {
        f"{path.relative_to(ROOT)}: {citation}"
        for path in tracked()
        for citation in dead_citations(path.read_text(errors="replace"))
    }

    assert dead == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_documents_leads_to_something(page: Path) -> None:
    assert list(dead_links(page)) == []


@pytest.mark.parametrize(
    "citation",
    [
        "docs/protocols/bambu.md 3.99",
        "docs/protocols/bambu.md 2, P99",
        "docs/protocols/moonraker.md 1.1 to 1.99",
        "docs/protocols/prusa.md",
        'docs/architecture.md "Nothing of the kind"',
        "docs/protocols/bambu.md\n    # 3.99",
        "design " + "5",
        "bambu" + ".md 3",
    ],
)
def test_a_dead_citation_is_found(citation: str) -> None:
    assert list(dead_citations(f"What is there ({citation}).")) != []


@pytest.mark.parametrize(
    "citation",
    [
        "docs/protocols/bambu.md",
        "docs/protocols/bambu.md 2, P11",
        "docs/protocols/bambu.md 3 and 6",
        "docs/protocols/moonraker.md 0.2, 1.1 to 1.8",
        'docs/architecture.md "Tracker rules"',
        "docs/protocols/bambu.md\n    # 3.4",
    ],
)
def test_a_citation_of_what_exists_passes(citation: str) -> None:
    assert list(dead_citations(f"What is there ({citation}).")) == []
