"""A short run of the oracle: fixed seeds, and the limits it shares with the README."""

from pathlib import Path
import re

import pytest

from .limits import Limit
from .play import HARDWARE, Player, generate, shrink
from .through_sockets import SocketPlayer

_HISTORIES = 14
# Seeds that disagree, each for a reason that is being mended; to become empty.
_DISAGREE: dict[str, set[int]] = {
    "x1c-ams": {0, 1, 2},
    "x1c-mixed": {3, 7, 13},
    "p1s-ams": {9, 11},
    "p1s-pro-ht": {4, 6, 7, 12},
    "a1-mini-lite": {7},
    "a2l-lite": {7, 8},
    "h2d-pro-ht": {1, 5, 7, 8, 11},
    "klipper-sensors": {3},
    "klipper-ace": {8},
}
_README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("hardware", HARDWARE)
def test_the_events_are_those_of_what_physically_happened(hardware: str) -> None:
    """A failure shows the seed, and the shortest history that was found to fail."""
    player = Player()
    for seed in set(range(_HISTORIES)) - _DISAGREE.get(hardware, set()):
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
    verdict = SocketPlayer(tmp_path).play(generate("x1c-ams", 3, episodes=4))
    assert (verdict.disagreement, verdict.changes > 0) == (None, True)


@pytest.mark.parametrize("limit", Limit, ids=lambda limit: limit.name)
def test_each_exception_of_the_oracle_is_a_limit_that_users_can_read(
    limit: Limit,
) -> None:
    """The README names what the judge overlooks."""
    (limits,) = re.findall(
        r"^## Limits$(.*?)^## ",
        _README.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert limit.value in " ".join(limits.split())


def test_each_exception_of_the_oracle_is_used() -> None:
    """A limit that nothing needs is struck from both lists."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parent.glob("*.py")
        if path.name != "limits.py"
    )
    assert [limit for limit in Limit if f"Limit.{limit.name}" not in source] == []
