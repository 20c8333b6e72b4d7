"""The health of a driver: the JSON-able dictionary that `Driver.health()` returns."""

from typing import NotRequired, TypedDict

from ..network.retries import Circuit


class LastError(TypedDict):
    """The last failure: an ErrorCode, its detail for the log, and when (ISO 8601)."""

    code: str
    message: str
    at: str


class CounterValues(TypedDict):
    """What went over the connection since the driver was created; see Counters.

    errors: attempts to connect that failed, and sessions that ended. cpu_ms: CPU time of
    processing messages, in milliseconds. bytes_held: of the messages that are kept for a
    capture. A driver may leave out these three.
    """

    messages: int
    bytes: int
    ignored: int
    decode_errors: int
    events: int
    reconnects: int
    errors: NotRequired[int]
    cpu_ms: NotRequired[float]
    bytes_held: NotRequired[int]


class Transition(TypedDict):
    """A change of status; `error` is the code of its cause, None where it has none."""

    at: str
    status: str
    error: str | None


class UnitVersions(TypedDict):
    """What a unit reports about itself; None for what it does not."""

    serial: str
    firmware: str | None
    hardware: str | None


class Health(TypedDict):
    """How a driver and its connection are doing. It holds no secrets.

    status: a DriverStatus, and since when.
    started_at: when the driver was started; None while it is stopped.
    attempts: failed attempts in a row; next_retry_in: seconds until the next one.
    circuit: "closed" up to the fourth failed attempt in a row; after that "open" while
    waiting for the next attempt and "half_open" during it.
    last_error: kept after recovery; it is over once `status` is `running`.
    versions: what the printer reports about itself: model, firmware, hardware, mac (its
    network address, twelve hex digits), system, and the
    objects of its changer that were found but are not understood, or left out because
    there are more than any printer has. Also transport: `http` where it is polled.
    units: what its units report about themselves, where the driver reads it.
    transitions: the last 50, oldest first.
    """

    driver_key: str
    status: str
    connected: bool
    since: str
    started_at: NotRequired[str | None]
    last_message_at: str | None
    attempts: int
    next_retry_in: float | None
    circuit: Circuit
    last_error: LastError | None
    counters: CounterValues
    versions: dict[str, str | None]
    units: NotRequired[list[UnitVersions]]
    transitions: list[Transition]
