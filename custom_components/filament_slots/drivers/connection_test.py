"""Test of a connection: the steps of one more attempt, each with its result and time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel

from ..network.clock import Clock
from .base import DriverError


class Step(BaseModel):
    """A step of an attempt to connect.

    name: such as `name` (of the host), `port`, `tls`, `identity`, `sign_in` and
    `first_report`.
    ok: None for a step that was not reached.
    seconds: what it took; None for one that was not reached.
    error: the `ErrorCode` of its failure.
    """

    name: str
    ok: bool | None = None
    seconds: float | None = None
    error: str | None = None


class ConnectionTest:
    """Measures the steps of one attempt.

    steps: with their results so far, in their order.
    """

    def __init__(self, names: Sequence[str], clock: Clock) -> None:
        """Take the names of the steps, in their order."""
        self.steps = [Step(name=name) for name in names]
        self._clock = clock

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step, or another part of it; one that is not known comes last."""
        step = next((each for each in self.steps if each.name == name), None)
        if step is None:
            step = Step(name=name)
            self.steps.append(step)
        started_at = self._clock.monotonic()
        step.ok = False
        try:
            yield
            step.ok = True
        finally:
            took = self._clock.monotonic() - started_at
            step.seconds = round((step.seconds or 0) + took, 3)

    def failed(self, error: DriverError) -> None:
        """Note why the attempt failed, at the step that it failed in.

        That is only known afterwards: of a failed connection it may be looked at what
        is there instead.
        """
        step = next((each for each in self.steps if not each.ok), self.steps[-1])
        step.ok, step.error = False, error.code
        step.seconds = step.seconds or 0.0
