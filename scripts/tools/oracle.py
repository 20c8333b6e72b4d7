"""Plays random physical histories of all hardware, in shards that can be resumed."""

import argparse
from collections import Counter
from dataclasses import asdict, dataclass, field
import json
from pathlib import Path
import sys
import tempfile
import time
from typing import Any

from tests.oracle.bambu_parts import SETUPS
from tests.oracle.play import HARDWARE, Player, generate, shrink
from tests.oracle.through_sockets import SocketPlayer

_CHANGES = 2_000
_SEEDS_SHOWN = 5
_SAVE_SECONDS = 10.0


@dataclass
class Tally:
    """What was played on one hardware: the next seed, and what was wrong with which."""

    next_seed: int
    changes: int = 0
    histories: int = 0
    seconds: float = 0.0
    disagreements: dict[str, list[int]] = field(default_factory=dict)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/oracle", description=__doc__)
    parser.add_argument("--hours", type=float, help="stop after so long")
    parser.add_argument("--changes", type=int, help="stop after so many, in this shard")
    parser.add_argument("--seed", type=int, help="play one history and show it")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--hardware", action="append", choices=HARDWARE)
    parser.add_argument("--shard", default="1/1", help="which of how many, as 1/2")
    parser.add_argument(
        "--sockets",
        action="store_true",
        help="through real sockets and the store file; Bambu Lab only, slow",
    )
    parser.add_argument("--state", type=Path, help="where to note what was played")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Play; return 1 where something was wrong."""
    options = _arguments(arguments)
    hardware = options.hardware or list(SETUPS if options.sockets else HARDWARE)
    if options.seed is not None:
        return max(_show(one, options.seed) for one in hardware)
    shard, shards = map(int, options.shard.split("/"))
    tallies = {one: Tally(options.first + shard - 1) for one in hardware}
    if options.state and options.state.exists():
        kept = json.loads(options.state.read_text(encoding="utf-8"))
        tallies |= {one: Tally(**kept[one]) for one in hardware if one in kept}
    limit = options.changes or (None if options.hours else _CHANGES)
    ends = time.monotonic() + options.hours * 3600 if options.hours else None
    with (
        tempfile.TemporaryDirectory() as folder,
        SocketPlayer(Path(folder)) if options.sockets else Player() as player,
    ):
        _play(player, tallies, shards, limit, ends, options.state)
    print(_table(tallies))
    return int(any(tally.disagreements for tally in tallies.values()))


def _play(
    player: Player,
    tallies: dict[str, Tally],
    shards: int,
    limit: int | None,
    ends: float | None,
    state: Path | None,
) -> None:
    """Play one history of each hardware after the other."""
    saved = time.monotonic()
    while True:
        # Hardware that has seen the fewest changes is next, so that all see as many.
        hardware = min(tallies, key=lambda one: tallies[one].changes)
        done = sum(tally.changes for tally in tallies.values())
        now = time.monotonic()
        over = (limit and done >= limit) or (ends and now >= ends)
        if state and (over or now > saved + _SAVE_SECONDS):
            saved = now
            _save(state, tallies)
        if over:
            return
        tally = tallies[hardware]
        verdict = player.play(generate(hardware, tally.next_seed))
        if verdict.disagreement is not None:
            kind = verdict.disagreement.kind
            tally.disagreements.setdefault(kind, []).append(tally.next_seed)
        tally.next_seed += shards
        tally.changes += verdict.changes
        tally.histories += 1
        tally.seconds += time.monotonic() - now


def _save(state: Path, tallies: dict[str, Tally]) -> None:
    """Write the state whole or not at all."""
    kept: dict[str, Any] = {}
    if state.exists():
        kept = json.loads(state.read_text(encoding="utf-8"))
    kept |= {one: asdict(tally) for one, tally in tallies.items()}
    new = state.with_suffix(".new")
    new.write_text(json.dumps(kept), encoding="utf-8")
    new.replace(state)


def _table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'hardware':<20}{'changes':>9}{'per s':>8}  disagreements (seeds)"]
    for hardware, tally in tallies.items():
        wrong = "; ".join(
            f"{kind} {len(seeds)} ({', '.join(map(str, seeds[:_SEEDS_SHOWN]))})"
            for kind, seeds in sorted(tally.disagreements.items())
        )
        rate = tally.changes / tally.seconds if tally.seconds else 0.0
        lines.append(f"{hardware:<20}{tally.changes:>9}{rate:>8.0f}  {wrong or '-'}")
    kinds = Counter(
        {
            kind: sum(len(t.disagreements.get(kind, ())) for t in tallies.values())
            for tally in tallies.values()
            for kind in tally.disagreements
        }
    )
    changes = sum(tally.changes for tally in tallies.values())
    seconds = sum(tally.seconds for tally in tallies.values())
    total = f"{kinds.total()} disagreements"
    lines.append(f"{'all':<20}{changes:>9}{changes / (seconds or 1.0):>8.0f}  {total}")
    return "\n".join(lines)


def _show(hardware: str, seed: int) -> int:
    """Play one history and print what happened, shrunk where it fails."""
    history = generate(hardware, seed)
    log: list[str] = []
    with Player() as player:
        found = player.play(history).disagreement
        if found is not None:
            history = shrink(player, history, found.kind)
        player.play(history, log)
    print(f"{hardware} {seed}: {found.kind if found else 'agrees'}")
    print("\n".join(log))
    return int(found is not None)


if __name__ == "__main__":
    sys.exit(main())
