"""The recorder on the wire: what it keeps, and for how long."""

from collections.abc import Mapping
from typing import Any

from custom_components.filament_slots.drivers.capture import Recorder
from tests.clock import FakeClock


class Rig:
    """A recorder that keeps ten seconds, and 100 bytes of each part."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.recorder = Recorder(self.clock, seconds=10, most_bytes=100)

    def hear(self, message: str, *, news: bool = False, wait: float = 1) -> None:
        self.clock.tick(wait)
        self.recorder.record(message.encode())
        if news:
            self.recorder.mark_significant()

    def open(self, *messages: str) -> None:
        self.recorder.session_started()
        for message in messages:
            self.hear(message)
        self.recorder.full_state_recorded()

    @property
    def kept(self) -> list[str]:
        return [data.decode() for _, data in self.recorder.frames()]


def test_everything_of_the_last_minutes_is_kept_with_its_time() -> None:
    rig = Rig()
    rig.open("all")
    rig.hear("chatter")
    rig.hear("news", news=True, wait=0.5)

    assert rig.recorder.frames() == [(0, b"all"), (1, b"chatter"), (1.5, b"news")]


def test_of_older_messages_only_what_still_matters_is_kept() -> None:
    rig = Rig()
    rig.open("versions", "all")
    rig.hear("chatter")
    rig.hear("news", news=True)
    for number in range(11):
        rig.hear(str(number))

    assert rig.kept == ["versions", "all", "news", *map(str, range(11))]
    rig.hear("x", wait=11)
    assert rig.kept == ["versions", "all", "news", "x"]


def test_a_new_session_makes_the_one_before_it_needless_once_it_is_old() -> None:
    rig = Rig()
    rig.open("all")
    rig.hear("news", news=True)
    rig.hear("x", wait=20)

    rig.open("all again")
    assert rig.kept == ["all", "news", "x", "all again"]

    rig.hear("y", wait=20)
    assert rig.kept == ["all again", "y"]


def test_it_never_takes_more_room_than_it_has() -> None:
    rig = Rig()
    rig.open("all" * 10)
    for number in range(50):
        rig.hear(f"news {number:3}", news=True, wait=0.1)
    rig.hear("x", wait=11)

    assert sum(map(len, rig.kept)) <= 200
    assert rig.kept[0] == "all" * 10
    assert rig.kept[1:] == [*(f"news {number:3}" for number in range(42, 50)), "x"]


def test_many_messages_at_once_push_the_oldest_out() -> None:
    rig = Rig()
    rig.open("all")
    for number in range(100):
        rig.hear(f"{number:5}", wait=0)

    assert rig.kept[:2] == ["all", "   80"]


def test_an_opening_without_an_end_is_cut_short() -> None:
    rig = Rig()
    rig.recorder.session_started()
    for number in range(100):
        rig.hear(f"{number:5}", wait=0)
    rig.hear("x", wait=11)

    assert rig.kept[0] == "    0"
    assert len(rig.kept) == 21


def test_a_message_too_large_for_it_is_left_out() -> None:
    rig = Rig()

    rig.hear("." * 70_000)
    rig.recorder.mark_significant()

    assert rig.kept == []


def test_a_capture_holds_the_frames_a_driver_makes_of_its_messages() -> None:
    def frame(message: Any) -> Mapping[str, Any] | None:
        return {"payload": message} if message else None

    rig = Rig()
    rig.open('{"a": 1}')
    rig.hear("not JSON")
    rig.hear("{}")
    rig.hear('{"b": 2}')

    assert rig.recorder.capture("dummy", "About.", frame) == {
        "format": 1,
        "driver_key": "dummy",
        "about": "About.",
        "frames": [{"t": 0, "payload": {"a": 1}}, {"t": 3, "payload": {"b": 2}}],
    }


def test_a_capture_says_that_news_had_to_be_left_out() -> None:
    rig = Rig()
    rig.open("1")
    for number in range(50):
        rig.hear(f"{number:10}", news=True, wait=0.1)
    rig.hear("2", wait=11)

    about = rig.recorder.capture("dummy", "About.", lambda message: None)["about"]

    assert about == "About. Older news of the same session had to be left out."
