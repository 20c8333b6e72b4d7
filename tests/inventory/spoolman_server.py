"""A virtual Spoolman server, held against transcripts of the real one.

It imitates what a client of ours can meet: objects, lists, extra fields, locations, tags,
settings, websockets, and their errors; not the search, groups, exports and the external
library, which no client of ours asks for.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
import json
import math
import re
from typing import Annotated, Any, Literal, Self

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel, StringConstraints

from .spoolman_bodies import (
    Entity,
    FieldBody,
    FilamentBody,
    FilamentPatch,
    MeasureBody,
    Refused,
    RenameBody,
    ScanBody,
    SpoolBody,
    SpoolPatch,
    TagBody,
    UseBody,
    ValueBody,
    VendorBody,
    VendorPatch,
    message,
    read_body,
    read_parameter,
)
from .spoolman_database import (
    BadRowError,
    Database,
    Row,
    clean_uid,
    show_tag,
    time_text,
    weight_g,
)
from .spoolman_query import flat, page

INFO: Mapping[str, Any] = {
    "version": "0.26.1",
    "debug_mode": False,
    "automatic_backups": True,
    "data_dir": "/home/app/.local/share/spoolman",
    "logs_dir": "/home/app/.local/share/spoolman",
    "backups_dir": "/home/app/.local/share/spoolman/backups",
    "db_type": "sqlite",
    "external_db_name": "SpoolmanDB",
    "git_commit": None,
    "build_date": None,
}
PAGE = "<!doctype html><title>Spoolman</title>\n"
SERVICE_RESTART = 1012

type Key = Annotated[str, StringConstraints(pattern="^[a-z0-9_]+$", max_length=64)]


class Request:
    """A request with the parts of its path that are parameters."""

    def __init__(
        self, request: web.Request, data: bytes, parts: Mapping[str, str]
    ) -> None:
        self.query = request.query
        self._content_type = request.headers.get("content-type", "")
        self._data = data
        self._parts = parts

    def body[T: BaseModel](self, kind: type[T]) -> T:
        """Return the body; raises Refused."""
        return read_body(kind, self._content_type.partition(";")[0], self._data)

    def setting(self) -> str:
        """Return the body of a setting, JSON within a JSON string; raises Refused."""
        kind = self._content_type.partition(";")[0]
        if kind != "application/json":
            raise Refused(
                415,
                {
                    "detail": f"Unsupported content type '{kind}'. The body of this"
                    " endpoint must be sent as application/json."
                },
            )
        return str(json.loads(self._data))

    def part(self, name: str) -> str:
        """Return a part of the path as it is."""
        return self._parts[name]

    def id_of(self, kind: Entity) -> int:
        """Return the id in the path; raises Refused."""
        name = f"{kind}_id"
        found: int = read_parameter(int, ("path", name), self._parts[name])
        return found

    def entity(self) -> Entity:
        """Return the kind of objects in the path; raises Refused."""
        found: Entity = read_parameter(
            Entity, ("path", "entity_type"), self._parts["entity_type"]
        )
        return found

    def key(self) -> str:
        """Return the key of a field in the path; raises Refused."""
        found: str = read_parameter(Key, ("path", "key"), self._parts["key"])
        return found


type Handler = Callable[[Request], Any]
type Route = Callable[[Any, Request], Any]


class SpoolmanServer:
    """A server on the loopback interface, with an empty database at first.

    has_tags: whether it is of a version that stores tags.
    api_key: the value of the header X-API-Key that it demands, if it demands one.
    allowed_host: the only host name that it answers to, if there is one.
    asked: the requests, each with its path, query and headers.
    written: the requests that change something, each with its method, path and body.
    failing_write: what becomes of the next of them, which is answered with an error:
    done nevertheless, or not.
    mute: whether it sends no frames, on connections that stay open.
    html: whether it answers everything with a web page, as another server does.
    failing: the status with which it answers every request.
    redirect: the address to which it redirects every request.
    no_websockets: whether it is behind a proxy that passes none on.
    hang_up: whether it closes connections instead of answering.
    pause: what each answer waits for; it gets the path and the query.
    """

    def __init__(self, *, base: str = "", has_tags: bool = False) -> None:
        """Create it switched off."""
        self.database = Database(lambda: datetime.now(UTC), has_tags=has_tags)
        self.api_key: str | None = None
        self.allowed_host: str | None = None
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.written: list[tuple[str, str, Any]] = []
        self.failing_write: Literal["stored", "lost"] | None = None
        self.mute = False
        self.html = False
        self.failing: int | None = None
        self.redirect: str | None = None
        self.no_websockets = False
        self.hang_up = False
        self.pause: Callable[[str], Any] | None = None
        self._base = base
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._pools: dict[web.WebSocketResponse, str] = {}
        # By reader: its name, and when it was seen last; by scan: when it was relayed.
        self._readers: dict[str, Row] = {}
        self._relayed: dict[tuple[str, str], datetime] = {}

    @property
    def port(self) -> int:
        """The port, the same before and after it was switched off."""
        return self._port

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._port}{self._base}"

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return self._runner is not None

    @property
    def subscribers(self) -> int:
        """How many websockets are open."""
        return len(self._pools)

    async def __aenter__(self) -> Self:
        """Switch it on."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Switch it off."""
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Switch it on, at the same port as before."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port or self._port, reuse_address=True)
        await site.start()
        assert self._runner.addresses
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Switch it off: a polite end, which closes the websockets with 1012."""
        if self._runner is None:
            return
        for socket in list(self._pools):
            await socket.close(code=SERVICE_RESTART)
        await self._runner.cleanup()
        self._runner = None

    async def send_bytes(self, data: bytes) -> None:
        """Send what is no websocket frame to all open websockets."""
        for socket in list(self._pools):
            transport = socket._req.transport if socket._req else None
            if transport is not None:
                transport.write(data)

    async def drop(self) -> None:
        """Cut the websockets without a close frame, as a crash does."""
        for socket in list(self._pools):
            transport = socket._req.transport if socket._req else None
            if transport is not None:
                transport.abort()

    async def send(self, frame: str, pool: str = "") -> None:
        """Send a text to the websockets for all changes, or to those of another pool."""
        for socket, own in list(self._pools.items()):
            if own == pool:
                await socket.send_str(frame)

    def add_spool(self, **values: Any) -> int:
        """Add a spool with a filament of its own, as if before the start; return its id.

        filament: values of the filament.
        """
        filament = {"density": 1.24, "diameter": 1.75, **values.pop("filament", {})}
        vendor = values.pop("vendor", None)
        if vendor is not None:
            known = self.database.add(
                Entity.VENDOR, VendorBody(name=vendor).model_dump()
            )
            filament["vendor_id"] = known["id"]
        row = self.database.add_filament(FilamentBody(**filament).model_dump())
        body = SpoolBody(filament_id=row["id"], **values)
        return int(self.database.add_spool(body.model_dump())["id"])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, request.headers))
        if self.pause is not None:
            await self.pause(request.path_qs)
        if self.hang_up:
            assert request.transport is not None
            request.transport.abort()
        if self.redirect is not None:
            raise web.HTTPTemporaryRedirect(self.redirect + request.path_qs)
        if self.html:
            return web.Response(text=PAGE, content_type="text/html")
        if self.failing is not None:
            return web.Response(status=self.failing, text="Internal Server Error")
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._subscribe(request)
        data = await request.read()
        try:
            self._check_host(request)
            if request.method != "GET":
                return self._write(request, data)
            return self._respond(request, data)
        except Refused as err:
            return web.json_response(err.body, status=err.status)
        except BadRowError:
            return web.Response(status=500, text="Internal Server Error")

    def _write(self, request: web.Request, data: bytes) -> web.Response:
        """Answer a request that changes something, with an error if that is wanted."""
        self.written.append((request.method, request.path, _parsed(data)))
        failing, self.failing_write = self.failing_write, None
        if failing != "lost":
            answer = self._respond(request, data)
        if failing is not None:
            raise BadRowError
        return answer

    def _check_host(self, request: web.Request) -> None:
        if self.allowed_host is not None and request.url.host != self.allowed_host:
            raise message(
                400,
                "Request refused: it was addressed to a hostname this Spoolman instance"
                " does not answer to. If you reach Spoolman on a public domain name, list"
                " it in SPOOLMAN_ALLOWED_HOSTS.",
            )

    def _respond(self, request: web.Request, data: bytes) -> web.Response:
        path = request.path
        if not path.startswith(self._base):
            raise Refused(404, {"detail": "Not Found"})
        path = path.removeprefix(self._base)
        if not path.startswith("/api/v1/"):
            return self._web_client(path)
        path = path.removeprefix("/api/v1")
        if not self._is_allowed(path, request.headers):
            raise message(401, "Authentication required.")
        self._check_origin(request)
        allowed: str | None = None
        for method, pattern, handler in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is None or ("/tag" in pattern and not self.database.has_tags):
                continue
            if method != request.method:
                allowed = allowed or method
                continue
            answer = handler(self, Request(request, data, match.groupdict()))
            if isinstance(answer, web.Response):
                return answer
            return _json(answer)
        if allowed is not None:
            body = {"detail": "Method Not Allowed"}
            return web.json_response(body, status=405, headers={"allow": allowed})
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        if any(re.fullmatch(pattern, other) for _, pattern, _ in _ROUTES):
            where = f"http://{request.host}{self._base}/api/v1{other}"
            return web.Response(status=307, headers={"location": where})
        raise Refused(404, {"detail": "Not Found"})

    def _web_client(self, path: str) -> web.Response:
        if path == "/config.js":
            text = f'\nwindow.SPOOLMAN_BASE_PATH = "{self._base}";\n'
            return web.Response(text=text, content_type="text/javascript")
        if path == "" and self._base:
            return web.Response(status=307, headers={"location": f"{self._base}/"})
        return web.Response(text=PAGE, content_type="text/html")

    def _is_allowed(self, path: str, headers: Mapping[str, str]) -> bool:
        if self.api_key is None or path == "/health":
            return True
        bearer = headers.get("authorization") == f"Bearer {self.api_key}"
        return bearer or headers.get("x-api-key") == self.api_key

    def _check_origin(self, request: web.Request) -> None:
        if request.method != "GET" and not _is_own_origin(request):
            raise message(
                403,
                "Request refused: it came from an origin this Spoolman instance does not"
                " trust. Set SPOOLMAN_CORS_ORIGIN if this origin should be allowed.",
            )

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(f"{self._base}/api/v1")
        if self.no_websockets:
            return web.Response(status=404)
        if path == "" and request.path.startswith(self._base):
            return web.Response(status=500, text="Internal Server Error")
        if not request.path.startswith(self._base) or not self._is_pool(path):
            return web.Response(status=403)
        if not _is_own_origin(request):
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if not self._is_allowed(path, request.headers):
            await socket.close(code=4401, message=b"Authentication required.")
            return socket
        self._pools[socket] = path.strip("/")
        try:
            await self._listen(socket)
        finally:
            del self._pools[socket]
        return socket

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for received in socket:
            if received.type is WSMsgType.BINARY:
                # The server's handler fails.
                await socket.close(code=WSCloseCode.INTERNAL_ERROR)
            elif received.type is WSMsgType.TEXT and received.data:
                await socket.send_json({"status": "healthy"})

    def _is_pool(self, path: str) -> bool:
        match path.removeprefix("/").split("/"):
            case [""] | ["spool" | "filament" | "vendor" | "setting"]:
                return True
            case ["spool" | "filament" | "vendor", row_id]:
                return row_id.isdigit()
            case ["tag", "scan", *reader]:
                return self.database.has_tags and len(reader) < 2
            case ["setting", key]:
                return key in self.database.settings()
        return False

    def _publish(self, kind: str, resource: str, key: object, payload: Any) -> None:
        """Send a frame to the pools that it is for, before the request is answered."""
        self._send(kind, resource, payload, ("", resource, f"{resource}/{key}"))

    def _send(
        self, kind: str, resource: str, payload: Any, pools: tuple[str, ...]
    ) -> None:
        if self.mute:
            return
        frame = json.dumps(
            {
                "type": kind,
                "resource": resource,
                "date": time_text(datetime.now(UTC)),
                "payload": _jsonable(payload),
            }
        )
        for socket, pool in list(self._pools.items()):
            if pool in pools and not socket.closed:
                asyncio.get_running_loop().create_task(_send(socket, frame))

    def _changed(self, kind: str, entity: Entity, row: Row) -> Row:
        shown = self.database.show(entity, row)
        self._publish(kind, entity, row["id"], shown)
        return shown

    def info(self, request: Request) -> Any:
        """Answer which version it is."""
        return INFO

    def health(self, request: Request) -> Any:
        """Answer that it runs."""
        return {"status": "healthy"}

    def list_rows(self, kind: Entity) -> Handler:
        """Return the handler of a list."""

        def handle(request: Request) -> web.Response:
            fields = {
                f"{prefix}extra.{field['key']}": field
                for prefix, entity in (
                    ("", Entity.SPOOL),
                    ("filament.", Entity.FILAMENT),
                )
                for field in self.database.fields(entity)
            }
            # The order of a list with a bad row in it is not known: only a page with
            # that row fails.
            rows = list(self.database.rows(kind))
            shown = [_Shown(self.database, kind, row) for row in rows]
            found, total = page(
                kind,
                [entry.flat for entry in shown],
                request.query,
                fields,
                has_tags=self.database.has_tags,
            )
            by_id = {entry.flat["id"]: entry for entry in shown}
            return _json([by_id[row["id"]].show() for row in found], total)

        return handle

    def add_vendor(self, request: Request) -> Any:
        """Add a vendor."""
        row = self.database.add(Entity.VENDOR, request.body(VendorBody).model_dump())
        return self._changed("added", Entity.VENDOR, row)

    def add_filament(self, request: Request) -> Any:
        """Add a filament."""
        row = self.database.add_filament(request.body(FilamentBody).model_dump())
        return self._changed("added", Entity.FILAMENT, row)

    def post_spool(self, request: Request) -> Any:
        """Add a spool."""
        row = self.database.add_spool(request.body(SpoolBody).model_dump())
        return self._changed("added", Entity.SPOOL, row)

    def get_row(self, kind: Entity) -> Handler:
        """Return the handler of an object."""
        return lambda request: self.database.show(
            kind, self.database.row(kind, request.id_of(kind))
        )

    def patch_row(self, kind: Entity, body: Any) -> Handler:
        """Return the handler of changes of an object."""

        def handle(request: Request) -> Any:
            changes = request.body(body).model_dump(exclude_unset=True)
            row = self.database.row(kind, request.id_of(kind))
            if kind is Entity.SPOOL:
                self.database.change_spool(row, changes)
            else:
                self.database.change(kind, row, changes)
            return self._changed("updated", kind, row)

        return handle

    def delete_row(self, kind: Entity) -> Handler:
        """Return the handler of the end of an object."""

        def handle(request: Request) -> Any:
            row = self.database.row(kind, request.id_of(kind))
            shown = self.database.show(kind, row)
            self.database.delete(kind, row)
            self._publish("deleted", kind, row["id"], shown)
            return {"message": "Success!"}

        return handle

    def use_spool(self, request: Request) -> Any:
        """Book filament that was used."""
        body = request.body(UseBody)
        if body.use_weight is not None and body.use_length is not None:
            raise message(400, "Only specify either use_weight or use_length.")
        if body.use_weight is None and body.use_length is None:
            raise message(400, "Either use_weight or use_length must be specified.")
        spool_id = request.id_of(Entity.SPOOL)
        if body.use_weight is not None:
            row = self.database.row(Entity.SPOOL, spool_id)
            self.database.use(row, body.use_weight)
        else:
            assert body.use_length is not None
            try:
                row = self.database.row(Entity.SPOOL, spool_id)
            except Refused as err:
                raise message(404, "Filament not found for spool.") from err
            filament = self.database.row(Entity.FILAMENT, row["filament_id"])
            self.database.use(row, weight_g(filament, body.use_length))
        return self._changed("updated", Entity.SPOOL, row)

    def measure_spool(self, request: Request) -> Any:
        """Book what a spool weighs."""
        body = request.body(MeasureBody)
        try:
            row = self.database.row(Entity.SPOOL, request.id_of(Entity.SPOOL))
        except Refused as err:
            raise message(400, "Spool not found.") from err
        self.database.measure(row, body.weight)
        return self._changed("updated", Entity.SPOOL, row)

    def add_tag(self, request: Request) -> Any:
        """Link a tag."""
        body = request.body(TagBody)
        row = self.database.row(Entity.SPOOL, request.id_of(Entity.SPOOL))
        tag, changed = self.database.add_tag(row, body)
        if changed:
            self._changed("updated", Entity.SPOOL, row)
        return web.json_response(_jsonable(show_tag(tag)), status=201)

    def remove_tag(self, request: Request) -> Any:
        """Unlink a tag."""
        row = self.database.row(Entity.SPOOL, request.id_of(Entity.SPOOL))
        self.database.remove_tag(row, request.part("uid"))
        self._changed("updated", Entity.SPOOL, row)
        return web.Response(status=204)

    def scan(self, request: Request) -> Any:
        """Relay the scan of a tag; the same one again within three seconds is not."""
        body = request.body(ScanBody)
        uid = clean_uid(body.uid)
        reader = body.reader_id or "ip-127-0-0-1"
        found = next(
            (
                row
                for row in self.database.rows(Entity.SPOOL)
                if any(tag["uid"] == uid for tag in row["tags"])
            ),
            None,
        )
        answer = _set(
            {
                "uid": uid,
                "reader_id": reader,
                "name": body.name,
                "format": body.format,
                "payload_b64": body.payload_b64,
                "matched_spool_id": found and found["id"],
                "spool": found and self.database.show(Entity.SPOOL, found),
            }
        )
        now = datetime.now(UTC)
        known = self._readers.get(reader, {})
        self._readers[reader] = {
            "reader_id": reader,
            "name": body.name or known.get("name"),
            "last_seen": now,
        }
        before = self._relayed.get((reader, uid))
        if before is None or now - before >= timedelta(seconds=3):
            self._relayed[reader, uid] = now
            pools = ("tag/scan", f"tag/scan/{reader}")
            self._send("scanned", "tag_scan", answer, pools)
        return {"matched_spool_id": None, **answer}

    def list_readers(self, request: Request) -> Any:
        """Answer which readers have scanned something."""
        return [_set(reader) for reader in self._readers.values()]

    def distinct(self, kind: Entity, column: str) -> Handler:
        """Return the handler of the list of the values of a column."""

        def handle(request: Request) -> Any:
            values = (row[column] for row in self.database.rows(kind))
            return list(dict.fromkeys(v for v in values if v is not None))

        return handle

    def rename_location(self, request: Request) -> Any:
        """Rename a location, which sends no frame."""
        name = request.body(RenameBody).name
        self.database.rename_location(request.part("location"), name)
        return name

    def rename_value(self, request: Request) -> Any:
        """Replace a value on all spools, which sends no frame."""
        body = request.body(ValueBody)
        count = self.database.rename_value(
            request.part("field"), body.value, body.new_value
        )
        return {"spools_updated": count}

    def list_fields(self, request: Request) -> Any:
        """Answer which extra fields there are."""
        return [_set(field) for field in self.database.fields(request.entity())]

    def define_field(self, request: Request) -> Any:
        """Define an extra field."""
        kind, key = request.entity(), request.key()
        self.database.define(kind, key, request.body(FieldBody))
        self._publish_setting(f"extra_fields_{kind}")
        return self.list_fields(request)

    def delete_field(self, request: Request) -> Any:
        """Delete the definition of an extra field; its spools send no frame."""
        kind = request.entity()
        self.database.undefine(kind, request.part("key"))
        self._publish_setting(f"extra_fields_{kind}")
        return self.list_fields(request)

    def field_values(self, request: Request) -> Any:
        """Answer which values of a field are in use."""
        return self.database.field_values(request.entity(), request.part("key"))

    def list_settings(self, request: Request) -> Any:
        """Answer all settings."""
        return self.database.settings()

    def get_setting(self, request: Request) -> Any:
        """Answer a setting."""
        return self.database.setting(request.part("key"))

    def set_setting(self, request: Request) -> Any:
        """Set or reset a setting."""
        key = request.part("key")
        self.database.set_setting(key, request.setting())
        self._publish_setting(key)
        return self.database.setting(key)

    def _publish_setting(self, key: str) -> None:
        setting = self.database.setting(key)
        kind = "updated" if setting["is_set"] else "deleted"
        self._publish(kind, "setting", key, {"key": key, "setting": setting})


class _Shown:
    """A row with its values by path; one that cannot be shown has them, too.

    show: returns the row as answers have it; raises BadRowError.
    """

    def __init__(self, database: Database, kind: Entity, row: Row) -> None:
        self.show: Callable[[], Row] = partial(database.show, kind, row)
        try:
            self.flat = flat(_jsonable(self.show()))
        except BadRowError:
            self.flat = flat(_jsonable(row))


def _of_kind(make: Callable[..., Handler], *args: Any) -> Any:
    """Answer a request, the last argument, with the handler for a kind of objects."""
    *kind, server, request = args
    return make(server, *kind)(request)


def _routes() -> Iterator[tuple[str, str, Route]]:
    server = SpoolmanServer
    yield "GET", "/info", server.info
    yield "GET", "/health", server.health
    bodies: Mapping[Entity, tuple[Route, type[BaseModel]]] = {
        Entity.VENDOR: (server.add_vendor, VendorPatch),
        Entity.FILAMENT: (server.add_filament, FilamentPatch),
        Entity.SPOOL: (server.post_spool, SpoolPatch),
    }
    yield "PATCH", "/spool/field/(?P<field>[^/]+)", server.rename_value
    for kind, (add, patch) in bodies.items():
        one = f"/{kind}/(?P<{kind}_id>[^/]+)"
        yield "GET", f"/{kind}", partial(_of_kind, server.list_rows, kind)
        yield "POST", f"/{kind}", add
        yield "GET", one, partial(_of_kind, server.get_row, kind)
        yield "PATCH", one, partial(_of_kind, server.patch_row, kind, patch)
        yield "DELETE", one, partial(_of_kind, server.delete_row, kind)
    spool = "/spool/(?P<spool_id>[^/]+)"
    yield "PUT", f"{spool}/use", server.use_spool
    yield "PUT", f"{spool}/measure", server.measure_spool
    yield "POST", f"{spool}/tag", server.add_tag
    yield "DELETE", f"{spool}/tag/(?P<uid>[^/]+)", server.remove_tag
    yield "POST", "/tag/scan", server.scan
    yield "GET", "/tag/reader", server.list_readers
    field = "/field/(?P<entity_type>[^/]+)"
    yield "GET", field, server.list_fields
    yield "POST", f"{field}/(?P<key>[^/]+)", server.define_field
    yield "DELETE", f"{field}/(?P<key>[^/]+)", server.delete_field
    yield "GET", f"{field}/(?P<key>[^/]+)/values", server.field_values
    yield "GET", "/setting/", server.list_settings
    yield "GET", "/setting/(?P<key>[^/]+)", server.get_setting
    yield "POST", "/setting/(?P<key>[^/]+)", server.set_setting
    for name, kind, column in (
        ("location", Entity.SPOOL, "location"),
        ("lot-number", Entity.SPOOL, "lot_nr"),
        ("article-number", Entity.FILAMENT, "article_number"),
        ("material", Entity.FILAMENT, "material"),
    ):
        yield "GET", f"/{name}", partial(_of_kind, server.distinct, kind, column)
    yield "PATCH", "/location/(?P<location>[^/]+)", server.rename_location


_ROUTES = tuple(_routes())


async def _send(socket: web.WebSocketResponse, frame: str) -> None:
    if not socket.closed:
        await socket.send_str(frame)


def _is_own_origin(request: web.Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or origin == f"http://{request.host}"


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


def _set(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None}


def _jsonable(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _jsonable(entry) for key, entry in value.items()}
        case list():
            return [_jsonable(entry) for entry in value]
        case datetime():
            return time_text(value)
    return value


def _json(body: Any, total: int | None = None) -> web.Response:
    headers = {} if total is None else {"x-total-count": str(total)}
    return web.json_response(_jsonable(body), headers=headers)
