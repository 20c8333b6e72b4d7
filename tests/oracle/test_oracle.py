"""A short run of the oracle: fixed seeds, and the limits it shares with the documentation."""

from collections.abc import Iterator
from pathlib import Path
import re

import pytest

from .limits import OTHERS, Limit
from .play import HARDWARE, Player, generate, shrink
from .through_sockets import SocketPlayer

_HISTORIES = 8
_LIMITS = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


@pytest.fixture(name="player")
def fixture_player() -> Iterator[Player]:
    """Return a player, and close its store."""
    with Player() as player:
        yield player


@pytest.mark.parametrize("hardware", HARDWARE)
def test_the_events_are_those_of_what_physically_happened(
    player: Player, hardware: str
) -> None:
    """A failure shows the seed, and the shortest history that was found to fail."""
    for seed in range(_HISTORIES):
        history = generate(hardware, seed)
        found = player.play(history).disagreement
        if found is not None:
            short = shrink(player, history, found.kind, budget=100)
            log: list[str] = []
            player.play(short, log)
            pytest.fail(f"seed {seed}: {found}\n" + "\n".join(log))


@pytest.mark.usefixtures("socket_enabled")
def test_a_history_through_sockets_and_the_store_file(tmp_path: Path) -> None:
    """The shortcut of the other tests around sockets and threads hides nothing."""
    with SocketPlayer(tmp_path) as player:
        verdict = player.play(generate("x1c-ams", 3, episodes=4))
    assert (verdict.disagreement, verdict.changes > 0) == (None, True)


def test_the_exceptions_of_the_oracle_are_the_limits_that_users_can_read() -> None:
    """What the judge overlooks and the documented limits are one list."""
    (section,) = re.findall(
        r"^## Limits$(.*)",
        _LIMITS.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    limits = [" ".join(limit.split()) for limit in section.split("\n- ")[1:]]
    exceptions = [limit.value for limit in Limit]
    others = [limit for limit in limits if limit.startswith(OTHERS)]
    assert sorted(limits) == sorted([*exceptions, *others])
    assert len(others) == len(OTHERS)


def test_each_exception_of_the_oracle_is_used() -> None:
    """A limit that nothing needs is struck from both lists."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parent.glob("*.py")
        if path.name != "limits.py"
    )
    assert [limit for limit in Limit if f"Limit.{limit.name}" not in source] == []
