"""The recorder of a connection: what it keeps, and for how long."""

from collections.abc import Mapping
from typing import Any

from custom_components.filament_slots.drivers.capture import Recorder, Recording
from tests.clock import FakeClock


class Rig:
    """A recorder that keeps ten seconds, and 100 bytes of each part."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.recorder = Recorder(self.clock, seconds=10, most_bytes=100)

    def receive(self, message: str, *, change: bool = False, wait: float = 1) -> None:
        self.clock.tick(wait)
        self.recorder.record(message.encode())
        if change:
            self.recorder.mark_significant()

    def open(self, *messages: str) -> None:
        self.recorder.session_started()
        for message in messages:
            self.receive(message)
        self.recorder.full_state_recorded()

    @property
    def kept(self) -> list[str]:
        return [data.decode() for _, data in self.recorder.frames()]


def test_everything_of_the_last_minutes_is_kept_with_its_time() -> None:
    rig = Rig()
    rig.open("all")
    rig.receive("chatter")
    rig.receive("diff", change=True, wait=0.5)

    assert rig.recorder.frames() == [(0, b"all"), (1, b"chatter"), (1.5, b"diff")]


def test_of_older_messages_only_the_significant_ones_are_kept() -> None:
    rig = Rig()
    rig.open("versions", "all")
    rig.receive("chatter")
    rig.receive("diff", change=True)
    for number in range(11):
        rig.receive(str(number))

    assert rig.kept == ["versions", "all", "diff", *map(str, range(11))]
    rig.receive("x", wait=11)
    assert rig.kept == ["versions", "all", "diff", "x"]


def test_an_old_session_is_dropped_once_a_new_one_is_old_as_well() -> None:
    rig = Rig()
    rig.open("all")
    rig.receive("diff", change=True)
    rig.receive("x", wait=20)

    rig.open("all again")
    assert rig.kept == ["all", "diff", "x", "all again"]

    rig.receive("y", wait=20)
    assert rig.kept == ["all again", "y"]


def test_it_never_takes_more_room_than_it_has() -> None:
    rig = Rig()
    rig.open("all" * 10)
    for number in range(50):
        rig.receive(f"diff {number:3}", change=True, wait=0.1)
    rig.receive("x", wait=11)

    assert sum(map(len, rig.kept)) <= 200
    assert rig.kept[0] == "all" * 10
    assert rig.kept[1:] == [*(f"diff {number:3}" for number in range(42, 50)), "x"]


def test_many_messages_at_once_push_the_oldest_out() -> None:
    rig = Rig()
    rig.open("all")
    for number in range(100):
        rig.receive(f"{number:5}", wait=0)

    assert rig.kept[:2] == ["all", "   80"]


def test_a_full_state_without_an_end_is_truncated() -> None:
    rig = Rig()
    rig.recorder.session_started()
    for number in range(100):
        rig.receive(f"{number:5}", wait=0)
    rig.receive("x", wait=11)

    assert rig.kept[0] == "    0"
    assert len(rig.kept) == 21


def test_a_message_too_large_for_it_is_left_out() -> None:
    rig = Rig()

    rig.receive("." * 70_000)
    rig.recorder.mark_significant()

    assert rig.kept == []


def test_a_capture_holds_the_messages_as_frames_of_the_driver() -> None:
    def frame(message: Any) -> Mapping[str, Any] | None:
        return {"payload": message} if message else None

    rig = Rig()
    rig.open('{"a": 1}')
    rig.receive("not JSON")
    rig.receive("{}")
    rig.receive('{"b": 2}')

    assert rig.recorder.capture("dummy", "About.", frame) == {
        "format": 1,
        "driver_key": "dummy",
        "about": "About.",
        "frames": [{"t": 0, "payload": {"a": 1}}, {"t": 3, "payload": {"b": 2}}],
    }


def test_a_capture_states_that_changes_were_dropped() -> None:
    rig = Rig()
    rig.open("1")
    for number in range(50):
        rig.receive(f"{number:10}", change=True, wait=0.1)
    rig.receive("2", wait=11)

    about = rig.recorder.capture("dummy", "About.", lambda message: None)["about"]

    assert about == "About. Some older changes of the session were dropped."


def test_what_the_next_messages_depend_on_is_significant() -> None:
    rig = Rig()
    rig.open("versions", "all")
    rig.receive("chatter")
    rig.receive("diff", change=True)
    rig.receive("x", wait=11)

    significant = rig.recorder.significant()

    assert [data for _, data in significant] == [b"versions", b"all", b"diff"]
    assert [at for at, _ in significant] == [1, 2, 4]


def test_a_recording_has_all_messages_until_it_is_full() -> None:
    clock = FakeClock()
    recording = Recording(clock, 200)
    for message in (b"a" * 30, b"", b"b" * 100, b"c"):
        clock.tick(1)
        recording.record(message)

    # Each counts with what it takes in a capture beside its content.
    assert recording.messages == [(1, b"a" * 30), (2, b"")]
    assert recording.full.is_set()
