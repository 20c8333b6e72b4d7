"""Copies the spool events of one or more Home Assistants into PostgreSQL.

    python3 consumer.py consumer.toml

Each event is received by MQTT when it happens. What was missed there is read from the
history of Filament Slots, after a cursor that is stored together with the events. An
event that was received before is recognised by its `event_id`. The program can be killed
at any time, and so can the broker and the database.

Requires Python 3.11, `paho-mqtt` 2 and `psycopg` 3; docs/postgresql.md describes the rest.
"""

from dataclasses import dataclass
from http.client import HTTPException
import json
import logging
from pathlib import Path
import queue
import sys
import time
import tomllib
from typing import Any
from urllib.request import Request, urlopen

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
import psycopg
from psycopg.types.json import Jsonb

TABLES = """
CREATE TABLE IF NOT EXISTS filament_slots_events (
    event_id text PRIMARY KEY,
    instance text NOT NULL,
    event_type text NOT NULL,
    event_at timestamptz NOT NULL,
    event jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS filament_slots_events_by_time
    ON filament_slots_events (event_at);

CREATE TABLE IF NOT EXISTS filament_slots_instances (
    instance text PRIMARY KEY,
    cursor bigint,
    last_event_id text,
    received bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    doubles bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0
);
"""
PUT_INSTANCE = """
    INSERT INTO filament_slots_instances (instance) VALUES (%s) ON CONFLICT DO NOTHING
"""
PUT_EVENT = """
    INSERT INTO filament_slots_events (event_id, instance, event_type, event_at, event)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING
"""
COUNT = """
    UPDATE filament_slots_instances SET received = received + %s, read = read + %s,
        doubles = doubles + %s, refused = refused + %s
    WHERE instance = %s
"""
GET_CURSOR = """
    SELECT cursor, last_event_id FROM filament_slots_instances WHERE instance = %s
"""
SET_CURSOR = """
    UPDATE filament_slots_instances SET cursor = %s, last_event_id = %s
    WHERE instance = %s
"""

SPOOL_EVENTS = ["spool_inserted", "spool_removed", "unknown_spool_detected"]
PAGE = 100
# What does not fit is read from the history.
QUEUED = 1_000
RETRY_SECONDS = 1.0
HTTP_SECONDS = 10.0

# Each a name, as a tuple in an `except` has another syntax from Python 3.14 on.
NO_JSON = (ValueError, RecursionError)
# What is no event, or one that PostgreSQL cannot store: text with a NUL, for example.
UNSTORABLE = (psycopg.DataError, ValueError)
UNREACHABLE = (OSError, HTTPException, LookupError, TypeError, ValueError)

LOG = logging.getLogger("filament_slots")


@dataclass(frozen=True)
class Instance:
    """A Home Assistant; token: a long-lived access token of any user."""

    name: str
    url: str
    token: str

    @property
    def topic(self) -> str:
        """Where its automation publishes events."""
        return f"filament_slots/{self.name}/events"


# A message of an instance; None: all topics were subscribed to, for the first time or again.
Arrival = tuple[Instance, bytes] | None


def main() -> None:
    """Copy events until the process is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if len(sys.argv) != 2:
        sys.exit("usage: consumer.py consumer.toml")
    config = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    instances = [
        Instance(name, fields["url"], fields["token"])
        for name, fields in config["instances"].items()
    ]
    arrivals = subscribe(config["mqtt"], instances)
    while True:
        try:
            with psycopg.connect(config["database"], autocommit=True) as db:
                db.execute(TABLES)
                for instance in instances:
                    db.execute(PUT_INSTANCE, [instance.name])
                copy(db, instances, arrivals, config.get("read_every", 60))
        except psycopg.OperationalError as err:
            LOG.warning("The database is unavailable: %s", err)
            time.sleep(RETRY_SECONDS)


def subscribe(
    broker: dict[str, Any], instances: list[Instance]
) -> queue.Queue[Arrival]:
    """Connect to the broker, now and whenever the connection is lost; return arrivals."""
    by_topic = {instance.topic: instance for instance in instances}
    arrivals: queue.Queue[Arrival] = queue.Queue(QUEUED)

    def put(arrival: Arrival) -> None:
        try:
            arrivals.put_nowait(arrival)
        except queue.Full:
            LOG.warning("Too many messages are waiting, one is left to the history")

    def on_connect(client: Client, _data: Any, _flags: Any, code: Any, _: Any) -> None:
        if code.is_failure:
            LOG.warning("The broker refused the connection: %s", code)
        else:
            client.subscribe([(topic, 1) for topic in by_topic])

    def on_subscribe(*_: Any) -> None:
        LOG.info("Connected to the broker")
        put(None)

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        put((by_topic[message.topic], message.payload))

    client = Client(CallbackAPIVersion.VERSION2)
    if username := broker.get("username"):
        client.username_pw_set(username, broker.get("password"))
    if broker.get("tls"):
        client.tls_set()
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.reconnect_delay_set(max_delay=30)
    client.connect_async(broker["host"], broker.get("port", 1883))
    client.loop_start()
    return arrivals


def copy(
    db: psycopg.Connection[Any],
    instances: list[Instance],
    arrivals: queue.Queue[Arrival],
    read_every: float,
) -> None:
    """Store what arrives, and read the histories at least every so many seconds.

    Raises psycopg.OperationalError where the database is unavailable.
    """
    due = time.monotonic()
    while True:
        wait = due - time.monotonic()
        if wait <= 0:
            for instance in instances:
                try:
                    read_history(db, instance)
                except UNREACHABLE as err:
                    LOG.warning(
                        "The history of %s is unavailable: %s", instance.name, err
                    )
            due = time.monotonic() + read_every
            continue
        try:
            arrival = arrivals.get(timeout=wait)
        except queue.Empty:
            continue
        if arrival is None:
            # What was published until now was not received.
            due = time.monotonic()
        else:
            instance, payload = arrival
            with db.transaction():
                store(db, instance, [decoded(payload)], by_mqtt=True)


def read_history(db: psycopg.Connection[Any], instance: Instance) -> None:
    """Store what the history has after the cursor.

    The last page is read again the next time, as it has no cursor yet. The last event
    that was read must be in it: if not, the history is not the one that the cursor is
    of (a backup was restored, the database was recreated), and all of it is read again.
    """
    cursor, last = db.execute(GET_CURSOR, [instance.name]).fetchone() or (None, None)
    events, following = page(instance, cursor)
    if last is not None and last not in ids_of(events):
        LOG.warning("%s has another history, all of it is read", instance.name)
        cursor = last = None
        events, following = page(instance, cursor)
    while True:
        ids = ids_of(events)
        new = events[ids.index(last) + 1 :] if last in ids else events
        if not ids:
            cursor = None
        last = ids[-1] if ids else None
        with db.transaction():
            store(db, instance, new, by_mqtt=False)
            db.execute(SET_CURSOR, [cursor, last, instance.name])
        if following is None:
            return
        cursor = following
        events, following = page(instance, cursor)


def page(
    instance: Instance, cursor: int | None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return events of the history, oldest first, and the cursor of the next page."""
    wanted = {"event_type": SPOOL_EVENTS, "order": "oldest", "limit": PAGE}
    if cursor is not None:
        wanted["cursor"] = cursor
    request = Request(
        f"{instance.url}/api/services/filament_slots/get_events?return_response",
        json.dumps(wanted).encode(),
        {
            "Authorization": f"Bearer {instance.token}",
            "Content-Type": "application/json",
        },
    )
    with urlopen(request, timeout=HTTP_SECONDS) as answer:
        found = json.load(answer)["service_response"]
    return found["events"], found["next_cursor"]


def ids_of(events: list[dict[str, Any]]) -> list[str]:
    """Return the ids of events."""
    return [event["event_id"] for event in events]


def decoded(payload: bytes) -> Any:
    """Return the content of a message; None where it is no JSON."""
    try:
        return json.loads(payload)
    except NO_JSON:
        return None


def store(
    db: psycopg.Connection[Any],
    instance: Instance,
    events: list[Any],
    *,
    by_mqtt: bool,
) -> None:
    """Store events and count them; the caller has opened a transaction."""
    new = refused = 0
    for event in events:
        try:
            # One that is refused does not undo the others.
            with db.transaction():
                new += db.execute(PUT_EVENT, row_of(instance, event)).rowcount
        except UNSTORABLE as err:
            refused += 1
            LOG.warning("A message of %s is refused: %s", instance.name, err)
    received, read = (len(events), 0) if by_mqtt else (0, len(events))
    doubles = len(events) - new - refused
    db.execute(COUNT, [received, read, doubles, refused, instance.name])
    if new:
        LOG.info("%s: %d new events", instance.name, new)


def row_of(instance: Instance, event: Any) -> list[Any]:
    """Return the columns of an event; raises ValueError for what is none."""
    match event:
        case {"event_id": str(id_), "event_type": str(kind), "event_at": str(at)}:
            return [id_, instance.name, kind, at, Jsonb(event)]
    raise ValueError("it is no event")


if __name__ == "__main__":
    main()
