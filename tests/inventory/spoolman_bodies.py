"""What the virtual Spoolman accepts as bodies and parameters, and how it refuses."""

from datetime import UTC, datetime
from enum import StrEnum
import json
import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, body: Any) -> None:
        """Take the HTTP status and the body."""
        super().__init__(status)
        self.status = status
        self.body = body


def message(status: int, text: str, **more: Any) -> Refused:
    """Return a refusal by a rule of the server."""
    return Refused(status, {"message": text, **more})


class FieldType(StrEnum):
    """The types of extra fields."""

    TEXT = "text"
    INTEGER = "integer"
    INTEGER_RANGE = "integer_range"
    FLOAT = "float"
    FLOAT_RANGE = "float_range"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class Entity(StrEnum):
    """What has extra fields."""

    VENDOR = "vendor"
    FILAMENT = "filament"
    SPOOL = "spool"


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _not_none[T](value: T | None) -> T:
    if value is None:
        raise ValueError("Value must not be None.")
    return value


def _color(text: str | None) -> str | None:
    if not text:
        return None
    color = text.removeprefix("#").upper()
    if not re.fullmatch("[0-9A-F]*", color):
        raise ValueError("Invalid character in color code.")
    if len(color) not in (6, 8):
        raise ValueError("Color code must be 6 or 8 characters long.")
    return color


def _colors(text: str | None) -> str | None:
    if not text:
        return None
    colors = [_color(part) or "" for part in text.split(",")]
    if len(colors) < 2:
        raise ValueError("Must specify at least two colors in multi_color_hexes.")
    return ",".join(colors)


type Weight = Annotated[float, Field(ge=0)]
type Short = Annotated[str, StringConstraints(max_length=64)]
type Comment = Annotated[str, StringConstraints(max_length=1024)]
type External = Annotated[str, StringConstraints(max_length=256)]
type Time = Annotated[datetime, AfterValidator(_utc)]
type Color = Annotated[str | None, AfterValidator(_color)]
type Extra = dict[str, str | None] | None
type Direction = Annotated[str, StringConstraints(pattern="^(coaxial|longitudinal)$")]
# What a PATCH must not clear.
type Set[T] = Annotated[T | None, AfterValidator(_not_none)]


class VendorBody(BaseModel):
    """A new vendor."""

    name: Short
    comment: Comment | None = None
    empty_spool_weight: Weight | None = None
    external_id: External | None = None
    extra: Extra = None


class VendorPatch(VendorBody):
    """A change of a vendor."""

    name: Set[Short] = ""  # type: ignore[assignment]


class FilamentBody(BaseModel):
    """A new filament."""

    name: Short | None = None
    vendor_id: int | None = None
    material: Short | None = None
    price: Weight | None = None
    density: Annotated[float, Field(gt=0)]
    diameter: Annotated[float, Field(gt=0)]
    weight: Annotated[float, Field(gt=0)] | None = None
    spool_weight: Weight | None = None
    article_number: Short | None = None
    comment: Comment | None = None
    settings_extruder_temp: Annotated[int, Field(ge=0)] | None = None
    settings_bed_temp: Annotated[int, Field(ge=0)] | None = None
    color_hex: Color = None
    multi_color_hexes: str | None = None
    multi_color_direction: Direction | None = None
    external_id: External | None = None
    extra: Extra = None

    @model_validator(mode="after")
    def _checked_colors(self) -> Self:
        several = _colors(self.multi_color_hexes)
        if "multi_color_hexes" in self.model_fields_set:
            self.multi_color_hexes = several
        if several and self.color_hex:
            raise ValueError("Cannot specify both color_hex and multi_color_hexes.")
        if several and not self.multi_color_direction:
            raise ValueError(
                "Multi-color filament must have multi_color_direction set."
            )
        if not several and self.multi_color_direction:
            raise ValueError(
                "Single-color filament must not have multi_color_direction set."
            )
        return self


class FilamentPatch(FilamentBody):
    """A change of a filament."""

    density: Set[Annotated[float, Field(gt=0)]] = 1.0  # type: ignore[assignment]
    diameter: Set[Annotated[float, Field(gt=0)]] = 1.0  # type: ignore[assignment]


class SpoolBody(BaseModel):
    """A new spool."""

    filament_id: int
    first_used: Time | None = None
    last_used: Time | None = None
    price: Weight | None = None
    initial_weight: Weight | None = None
    spool_weight: Weight | None = None
    remaining_weight: Weight | None = None
    used_weight: Weight | None = None
    location: Short | None = None
    lot_nr: Short | None = None
    comment: Comment | None = None
    archived: bool = False
    extra: Extra = None


class SpoolPatch(SpoolBody):
    """A change of a spool."""

    filament_id: Set[int] = 0  # type: ignore[assignment]


class UseBody(BaseModel):
    """Filament that was used."""

    use_length: float | None = None
    use_weight: float | None = None


class MeasureBody(BaseModel):
    """The gross weight of a spool."""

    weight: float


class RenameBody(BaseModel):
    """A new name of a location."""

    name: Annotated[str, StringConstraints(min_length=1)]


class ValueBody(BaseModel):
    """A new value in place of another one, on all spools."""

    value: str
    new_value: str


class FieldBody(BaseModel):
    """A definition of an extra field."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    order: int = 0
    unit: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = None
    field_type: FieldType
    default_value: str | None = None
    choices: list[str] | None = None
    multi_choice: bool | None = None


class TagBody(BaseModel):
    """A tag of a spool."""

    uid: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    format: Annotated[str, StringConstraints(max_length=32)] | None = None


class ScanBody(TagBody):
    """A scan of a tag by a reader."""

    reader_id: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None
    ) = None
    name: str | None = None
    payload_b64: str | None = None


class ListQuery(BaseModel):
    """The parameters of a list of spools that have a type."""

    allow_archived: bool = False
    limit: int | None = None
    offset: int = 0


def read_body[T: BaseModel](kind: type[T], content_type: str, data: bytes) -> T:
    """Return a body; raises Refused as the real server does."""
    body: Any = None
    if data:
        if content_type in ("", "application/json"):
            body = _json(data)
        else:
            body = data.decode()
    if body is None:
        raise _unprocessable(
            [
                {
                    "type": "missing",
                    "loc": ["body"],
                    "msg": "Field required",
                    "input": None,
                }
            ]
        )
    try:
        return kind.model_validate(body, from_attributes=True)
    except ValidationError as err:
        raise _unprocessable(_errors(err, "body")) from err


def read_parameter(kind: Any, where: tuple[str, ...], text: Any) -> Any:
    """Return a parameter of the path or of the query; raises Refused."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.validate_python(text)
    except ValidationError as err:
        raise _unprocessable(_errors(err, *where)) from err


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError as err:
        raise _unprocessable(
            [
                {
                    "type": "json_invalid",
                    "loc": ["body", err.pos],
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": err.msg},
                }
            ]
        ) from err
    except UnicodeDecodeError as err:
        raise Refused(400, {"detail": "There was an error parsing the body"}) from err


def _unprocessable(errors: list[Any]) -> Refused:
    return Refused(422, {"detail": errors})


def _errors(err: ValidationError, *where: str) -> list[Any]:
    found: list[Any] = [dict(error) for error in err.errors(include_url=False)]
    for error in found:
        error["loc"] = [*where, *error["loc"]]
        if error["type"] == "value_error":
            error["ctx"] = {"error": {}}
    return found
