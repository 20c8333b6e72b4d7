"""Config flow: adding a printer, changing its connection settings, options."""

from collections.abc import AsyncGenerator, Mapping
from ipaddress import ip_address
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.setup import async_setup_component
import probatio
from pydantic import SecretStr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers import registry
from custom_components.filament_slots.drivers.base import (
    Driver,
    DriverError,
    ErrorCode,
    ProbeResult,
)

from .common import SERIAL, make_entry

FLOW = "custom_components.filament_slots.config_flow"
OTHER_SERIAL = "00M09A000000002"
INPUT = {
    "host": "192.0.2.1",
    "port": 8883,
    "serial": SERIAL,
    "access_code": "12345678",
}

pytestmark = pytest.mark.usefixtures("scripted_driver")


def _fields(result: ConfigFlowResult, name: str | None = None) -> Mapping[Any, Any]:
    """Return the fields of the form, or of one of its sections."""
    schema = result["data_schema"]
    assert schema is not None
    fields: Mapping[Any, Any] = schema.schema
    return fields if name is None else fields[name].schema.schema


@pytest.fixture(autouse=True)
async def set_up_entry(hass: HomeAssistant) -> AsyncGenerator[AsyncMock]:
    """Create entries without setting them up, and without a reload after the test."""
    with patch(
        "custom_components.filament_slots.async_setup_entry", return_value=True
    ) as mock:
        yield mock
        await hass.async_block_till_done()


@pytest.fixture(autouse=True)
def another_type(monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """Set what answers where no printer of the chosen type does."""
    look = AsyncMock(return_value=None)
    other = type("Other", (Driver,), {"driver_key": "other", "look": look})
    monkeypatch.setattr(
        "custom_components.filament_slots.driver_host.load_drivers",
        AsyncMock(return_value=(other,)),
    )
    return look


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """Set the result of the probe."""
    mock = AsyncMock(
        return_value=ProbeResult(
            identity=SERIAL,
            name="X1C 0001",
            model="X1C",
            config={"certificate": "certificate"},
        )
    )
    monkeypatch.setattr(f"{FLOW}.load_driver", _loads_with(mock))
    return mock


def _loads_with(probe: AsyncMock) -> Any:
    async def load(driver_key: str) -> type:
        driver = await registry.load_driver(driver_key)
        return type("Driver", (driver,), {"probe": probe})

    return load


async def _start(hass: HomeAssistant, driver: str = "scripted") -> ConfigFlowResult:
    """Start a flow and open the form of a driver."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    return await hass.config_entries.flow.async_configure(
        result["flow_id"], {"driver_key": driver}
    )


async def _submit(
    hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any]
) -> ConfigFlowResult:
    """Fill in the form as a browser does: what is in a section under its name."""
    advanced = user_input.keys() & {"port", "verify", "verify_ssl"}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"],
        {name: value for name, value in user_input.items() if name not in advanced}
        | (
            {"advanced": {name: user_input[name] for name in advanced}}
            if advanced
            else {}
        ),
    )
    await hass.async_block_till_done()
    return result


async def test_a_printer_is_added_with_the_certificate_of_the_probe(
    hass: HomeAssistant,
) -> None:
    result = await _start(hass)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "scripted"
    assert not result["errors"]

    result = await _submit(hass, result, INPUT)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "X1C 0001"
    assert result["result"].unique_id == SERIAL
    assert result["data"] == {
        "driver_key": "scripted",
        "model": "X1C",
        **INPUT,
        "certificate": f"certificate of {SERIAL}",
    }


async def test_the_form_asks_only_for_what_the_probe_cannot_find(
    hass: HomeAssistant,
) -> None:
    result = await _start(hass)

    schema = result["data_schema"]
    assert schema is not None
    asked = {key: INPUT[key] for key in ("host", "serial", "access_code")}
    assert [str(key) for key in schema.schema] == [*asked, "advanced"]
    assert schema(asked) == asked | {"advanced": {"port": 8883}}


@pytest.mark.parametrize("code", ErrorCode)
async def test_the_flow_recovers_from_every_error(
    hass: HomeAssistant, probe: AsyncMock, code: ErrorCode
) -> None:
    result = await _start(hass)
    probe.side_effect = DriverError(code, "detail")

    result = await _submit(hass, result, INPUT)
    assert result["type"] is FlowResultType.FORM
    field = "access_code" if code is ErrorCode.INVALID_AUTH else "base"
    assert result["errors"] == {field: code}

    probe.side_effect = None
    result = await _submit(hass, result, INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_exception_of_a_driver_is_an_unknown_error_and_logged(
    hass: HomeAssistant, probe: AsyncMock, caplog: pytest.LogCaptureFixture
) -> None:
    result = await _start(hass)
    probe.side_effect = ZeroDivisionError

    result = await _submit(hass, result, INPUT)

    assert result["errors"] == {"base": "unknown"}
    assert "ZeroDivisionError" in caplog.text
    assert str(INPUT["access_code"]) not in caplog.text


async def test_an_invalid_value_is_reported_at_its_field(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    result = await _start(hass)

    result = await _submit(hass, result, INPUT | {"serial": "1", "host": "", "port": 0})

    assert result["errors"] == {
        "serial": "invalid_serial",
        "host": "invalid_host",
        # The frontend shows no error under a field of a section.
        "advanced": "invalid_port",
    }
    probe.assert_not_called()

    result = await _submit(hass, result, INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_printer_of_another_type_is_named(
    hass: HomeAssistant, probe: AsyncMock, another_type: AsyncMock
) -> None:
    another_type.return_value = "Moonraker"
    result = await _start(hass)
    probe.side_effect = DriverError(ErrorCode.CONNECTION_REFUSED)

    result = await _submit(hass, result, INPUT | {"host": "http://voron.lan:7126"})

    assert result["errors"] == {"base": "another_type"}
    assert result["description_placeholders"] == {"found": "Moonraker"}
    assert another_type.call_args.args[:2] == ("voron.lan", 7126)


async def test_nothing_is_looked_for_where_the_printer_answered(
    hass: HomeAssistant, probe: AsyncMock, another_type: AsyncMock
) -> None:
    result = await _start(hass)
    probe.side_effect = DriverError(ErrorCode.INVALID_AUTH)

    await _submit(hass, result, INPUT)

    another_type.assert_not_called()


async def test_nothing_is_looked_for_at_what_is_no_address(
    hass: HomeAssistant, probe: AsyncMock, another_type: AsyncMock
) -> None:
    result = await _start(hass)
    probe.side_effect = DriverError(ErrorCode.CONNECTION_REFUSED)

    result = await _submit(hass, result, INPUT | {"host": "a b"})

    assert result["errors"] == {"base": "connection_refused"}
    another_type.assert_not_called()


async def test_a_printer_is_not_added_twice(hass: HomeAssistant) -> None:
    make_entry().add_to_hass(hass)
    result = await _start(hass)

    result = await _submit(hass, result, INPUT | {"host": "192.0.2.9"})

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_a_second_printer_is_added(hass: HomeAssistant) -> None:
    make_entry().add_to_hass(hass)
    result = await _start(hass)

    result = await _submit(hass, result, INPUT | {"serial": OTHER_SERIAL})

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_a_broken_driver_ends_the_flow_with_the_reason(
    hass: HomeAssistant,
) -> None:
    with patch(f"{FLOW}.load_driver", side_effect=DriverError(ErrorCode.DRIVER_BROKEN)):
        result = await _start(hass)

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "driver_broken"


async def test_reauthentication_asks_for_the_code_only(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reauth_flow(hass)
    assert result["step_id"] == "reauth_confirm"
    assert [str(key) for key in _fields(result)] == ["access_code"]

    probe.side_effect = DriverError(ErrorCode.INVALID_AUTH)
    result = await _submit(hass, result, {"access_code": "wrong"})
    assert result["errors"] == {"access_code": "invalid_auth"}

    probe.side_effect = None
    result = await _submit(hass, result, {"access_code": "87654321"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert entry.data == make_entry().data | {"access_code": "87654321"}


async def test_a_new_code_is_sent_only_to_the_known_certificate(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reauth_flow(hass)

    await _submit(hass, result, {"access_code": "87654321"})

    assert probe.call_args.args[0]["certificate"] == "certificate"


async def test_reconfiguring_changes_the_address_and_keeps_the_rest(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reconfigure_flow(hass)
    assert result["step_id"] == "reconfigure"
    assert [str(key) for key in _fields(result)] == [
        "host",
        "access_code",
        "advanced",
    ]

    changes = {"host": "192.0.2.7", "port": 8884, "access_code": "12345678"}
    probe.side_effect = DriverError(ErrorCode.CONNECTION_TIMEOUT)
    result = await _submit(hass, result, changes)
    assert result["errors"] == {"base": "connection_timeout"}

    probe.side_effect = None
    result = await _submit(hass, result, changes)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert entry.data == make_entry().data | changes


@pytest.mark.parametrize("left_empty", [{}, {"access_code": ""}])
async def test_an_empty_code_keeps_the_present_one(
    hass: HomeAssistant, probe: AsyncMock, left_empty: dict[str, str]
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reconfigure_flow(hass)

    await _submit(hass, result, {"host": "192.0.2.7", "port": 8883} | left_empty)

    assert probe.call_args.args[0]["access_code"] == "12345678"
    assert entry.data == make_entry(host="192.0.2.7").data


async def test_a_driver_may_have_a_switch_and_an_optional_secret(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, probe: AsyncMock
) -> None:
    driver = await registry.load_driver("scripted")

    class Config(driver.Config):  # type: ignore[name-defined,misc]
        api_key: SecretStr | None = None
        verify: bool = True

    monkeypatch.setattr(driver, "Config", Config)
    result = await _start(hass)

    result = await _submit(hass, result, INPUT | {"verify": False})

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["verify"] is False
    assert "api_key" not in result["data"]


@pytest.mark.parametrize("step", ["reauth", "reconfigure"])
async def test_an_entry_is_never_changed_to_another_printer(
    hass: HomeAssistant, probe: AsyncMock, step: str
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    probe.return_value = ProbeResult(identity=OTHER_SERIAL, name="another")
    if step == "reauth":
        result = await entry.start_reauth_flow(hass)
        changes: dict[str, Any] = {"access_code": "87654321"}
    else:
        result = await entry.start_reconfigure_flow(hass)
        changes = {"host": "192.0.2.7", "port": 8883, "access_code": "12345678"}

    result = await _submit(hass, result, changes)

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "unique_id_mismatch"
    assert entry.data == make_entry().data


async def test_no_form_contains_a_secret(hass: HomeAssistant) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)

    for result in (
        await entry.start_reauth_flow(hass),
        await entry.start_reconfigure_flow(hass),
    ):
        for key in _fields(result):
            assert "12345678" not in str(key.description)


# Where to find what is asked.


async def _where(result: ConfigFlowResult) -> list[str]:
    """Return the texts that the form shows about that, by the end of their keys."""
    texts = _fields(result, "where").values()
    return [
        text.config["translation_key"].removeprefix("where_bambulab_mqtt_")
        for text in texts
    ]


async def test_the_form_describes_where_every_model_shows_its_code(
    hass: HomeAssistant,
) -> None:
    result = await _start(hass, "bambulab_mqtt")

    assert [str(key) for key in _fields(result)] == [
        "host",
        "serial",
        "access_code",
        "where",
        "advanced",
    ]
    assert await _where(result) == ["x1", "p1", "a1", "p2_h2", "note"]


@pytest.mark.parametrize("step", ["discovery", "reauth", "reconfigure"])
async def test_only_the_menus_of_a_known_printer_are_shown(
    hass: HomeAssistant, step: str
) -> None:
    entry = make_entry(driver_key="bambulab_mqtt", certificate=None)
    if step == "discovery":
        result = await _discover(hass, driver_key="bambulab_mqtt")
    else:
        entry.add_to_hass(hass)
        result = await (
            entry.start_reauth_flow(hass)
            if step == "reauth"
            else entry.start_reconfigure_flow(hass)
        )

    assert await _where(result) == ["x1", "note"]


async def test_a_form_with_sections_can_be_shown_in_a_browser(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    for component in (DOMAIN, "config"):
        assert await async_setup_component(hass, component, {})
    client = await hass_client()
    url = "/api/config/config_entries/flow"
    flow = await (await client.post(url, json={"handler": DOMAIN})).json()

    response = await client.post(
        f"{url}/{flow['flow_id']}", json={"driver_key": "moonraker_filament"}
    )

    form = (await response.json())["data_schema"]
    assert [field["name"] for field in form] == ["host", "api_key", "where", "advanced"]
    # The frontend fills in the section's default, not those of its fields.
    assert form[3]["default"] == {"port": 7125, "verify_ssl": True}
    assert [field.get("expanded") for field in form] == [None, None, False, False]
    assert [field["name"] for field in form[3]["schema"]] == ["port", "verify_ssl"]


async def test_a_code_of_another_length_is_refused_in_the_form(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await _start(hass, "bambulab_mqtt")

    result = await _submit(hass, result, INPUT | {"access_code": "1234567"})

    assert result["errors"] == {"access_code": "invalid_access_code"}


# A new certificate of the same printer.


@pytest.mark.parametrize("step", ["reauth", "reconfigure"])
async def test_a_new_certificate_is_trusted_once_the_user_agrees(
    hass: HomeAssistant, probe: AsyncMock, step: str
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    changes = {"access_code": "87654321"}
    if step == "reauth":
        result = await entry.start_reauth_flow(hass)
    else:
        result = await entry.start_reconfigure_flow(hass)
        changes |= {"host": "192.0.2.7", "port": 8883}  # type: ignore[dict-item]
    probe.side_effect = _new_certificate("another")

    result = await _submit(hass, result, changes)
    assert result["step_id"] == "new_certificate"
    assert result["errors"] == {}
    texts = {"name": "X1C", "old": "AA", "new": "fingerprint of another"}
    assert result["description_placeholders"] == texts
    assert entry.data == make_entry().data

    probe.side_effect = DriverError(ErrorCode.CONNECTION_TIMEOUT)
    result = await _submit(hass, result, {})
    assert result["errors"] == {"base": "connection_timeout"}
    assert result["description_placeholders"] == texts

    probe.side_effect = None
    probe.return_value = ProbeResult(identity=SERIAL, name="X1C")
    result = await _submit(hass, result, {})

    assert result["reason"] == f"{step}_successful"
    assert probe.call_args.args[0]["certificate"] == "another"
    assert entry.data == make_entry().data | changes | {"certificate": "another"}


def _new_certificate(certificate: str) -> DriverError:
    """Return the error of a driver whose printer presents this certificate."""
    return DriverError(
        ErrorCode.NEW_CERTIFICATE,
        placeholders={"old": "AA", "new": f"fingerprint of {certificate}"},
        suggested={"certificate": certificate},
    )


async def test_a_certificate_that_changes_while_the_user_looks_is_shown_again(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reauth_flow(hass)
    probe.side_effect = _new_certificate("another")
    result = await _submit(hass, result, {"access_code": "87654321"})
    probe.side_effect = _new_certificate("yet another")

    result = await _submit(hass, result, {})

    assert result["errors"] == {"base": "new_certificate"}
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["new"] == "fingerprint of yet another"
    assert entry.data == make_entry().data

    probe.side_effect = None
    probe.return_value = ProbeResult(identity=SERIAL, name="X1C")
    await _submit(hass, result, {})
    assert entry.data["certificate"] == "yet another"


# A redirect.


@pytest.mark.parametrize("step", ["add", "reconfigure"])
async def test_the_target_of_a_redirect_is_offered_and_never_followed(
    hass: HomeAssistant, probe: AsyncMock, step: str
) -> None:
    entry = make_entry()
    if step == "reconfigure":
        entry.add_to_hass(hass)
        result = await entry.start_reconfigure_flow(hass)
        changes = {"host": "192.0.2.7", "port": 8883}
    else:
        result = await _start(hass)
        changes = INPUT
    target = "https://192.0.2.7/"
    probe.side_effect = DriverError(
        ErrorCode.REDIRECTED,
        target,
        placeholders={"target": target},
        suggested={"host": target},
    )

    result = await _submit(hass, result, changes)

    assert result["errors"] == {"base": "redirected"}
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["target"] == target
    assert _suggested(result)["host"] == target

    probe.side_effect = None
    await _submit(hass, result, changes | {"host": target})
    assert probe.call_args.args[0]["host"] == target


async def test_a_new_certificate_of_another_printer_is_never_trusted(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    result = await entry.start_reauth_flow(hass)
    probe.side_effect = _new_certificate("another")
    result = await _submit(hass, result, {"access_code": "87654321"})

    probe.side_effect = None
    probe.return_value = ProbeResult(identity=OTHER_SERIAL, name="another")
    result = await _submit(hass, result, {})

    assert result["reason"] == "unique_id_mismatch"
    assert entry.data == make_entry().data


# Discovery.

ANNOUNCED = {
    "driver_key": "scripted",
    "identity": SERIAL,
    "name": "X1 Carbon Workshop",
    "config": {"host": "192.0.2.1", "serial": SERIAL},
}


async def _discover(hass: HomeAssistant, **changes: Any) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data=ANNOUNCED | changes,
    )


def _suggested(result: ConfigFlowResult) -> dict[str, Any]:
    return {
        str(key): key.description["suggested_value"]
        for name in (None, "advanced")
        for key in _fields(result, name)
        if key.description and "suggested_value" in key.description
    }


async def test_a_discovered_printer_needs_only_its_code(hass: HomeAssistant) -> None:
    result = await _discover(hass)
    assert result["step_id"] == "scripted"
    assert _suggested(result) == {"host": "192.0.2.1", "serial": SERIAL}
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["title_placeholders"] == {"name": "X1 Carbon Workshop"}

    result = await _submit(hass, result, INPUT)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == SERIAL


async def test_a_printer_is_offered_once(hass: HomeAssistant) -> None:
    await _discover(hass)

    result = await _discover(hass)

    assert result["reason"] == "already_in_progress"


@pytest.mark.parametrize("ignored", [False, True])
async def test_a_printer_that_is_known_or_ignored_is_not_offered(
    hass: HomeAssistant, ignored: bool
) -> None:
    entry = make_entry()
    if ignored:
        object.__setattr__(entry, "source", SOURCE_IGNORE)
    entry.add_to_hass(hass)

    result = await _discover(hass)

    assert result["reason"] == "already_configured"


async def test_a_printer_can_be_added_by_hand_while_it_is_offered(
    hass: HomeAssistant,
) -> None:
    await _discover(hass)
    result = await _start(hass)

    result = await _submit(hass, result, INPUT)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert not hass.config_entries.flow.async_progress()


async def test_a_discovered_printer_without_its_driver_is_not_offered(
    hass: HomeAssistant,
) -> None:
    result = await _discover(hass, driver_key="no_such_driver")

    assert result["reason"] == "unknown_driver"


UUID = "0123456789abcdef0123456789abcdef"


async def _zeroconf(
    hass: HomeAssistant, host: str = "192.0.2.5", uuid: str | None = UUID
) -> ConfigFlowResult:
    address = ip_address(host)
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=address,
            ip_addresses=[address],
            port=7126,
            hostname="voron.local.",
            type="_moonraker._tcp.local.",
            name="Moonraker-01234567 @ voron._moonraker._tcp.local.",
            properties={"uuid": uuid} if uuid else {},
        ),
    )


def _moonraker(host: str, unique_id: str = UUID) -> Any:
    entry = make_entry(host=host, port=7126)
    object.__setattr__(entry, "unique_id", unique_id)
    return entry


async def test_a_discovered_moonraker_is_offered(
    hass: HomeAssistant, probe: AsyncMock
) -> None:
    result = await _zeroconf(hass)
    assert result["step_id"] == "moonraker_filament"
    assert _suggested(result) == {"host": "192.0.2.5", "port": 7126}
    [advanced] = [key for key in _fields(result) if key == "advanced"]
    assert advanced.default() == {"port": 7126, "verify_ssl": True}
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["title_placeholders"] == {"name": "voron"}
    probe.return_value = ProbeResult(identity=UUID, name="voron")

    result = await _submit(
        hass, result, {"host": "192.0.2.5", "port": 7126, "verify_ssl": True}
    )

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == UUID


async def test_a_moonraker_without_an_instance_id_is_not_offered(
    hass: HomeAssistant,
) -> None:
    assert (await _zeroconf(hass, uuid=None))["reason"] == "no_identity"


@pytest.mark.parametrize("unique_id", [UUID, "dca632000001"])
async def test_a_moonraker_that_is_known_is_not_offered(
    hass: HomeAssistant, unique_id: str
) -> None:
    _moonraker("192.0.2.5", unique_id).add_to_hass(hass)

    assert (await _zeroconf(hass))["reason"] == "already_configured"


# Options.


async def _options_form(
    hass: HomeAssistant, entry: MockConfigEntry
) -> tuple[str, probatio.Schema]:
    """Open the options; return the flow's id and its form, which fills in defaults."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["step_id"] == "init"
    assert result["data_schema"] is not None
    return result["flow_id"], result["data_schema"]


async def test_only_confirmation_times_other_than_the_drivers_are_stored(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    flow_id, form = await _options_form(hass, entry)
    defaults = form({"advanced": {}})["advanced"]
    assert defaults == {
        "insert_settle": 2.5,
        "removal_confirm": 8,
        "identity_wait": 30,
        "unknown_after_idle": 60,
    }

    result = await hass.config_entries.options.async_configure(
        flow_id, {"advanced": defaults | {"removal_confirm": 12}}
    )

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"removal_confirm": 12}
    _, form = await _options_form(hass, entry)
    assert form({"advanced": {}})["advanced"] == defaults | {"removal_confirm": 12}


async def test_only_history_options_other_than_the_defaults_are_stored(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    flow_id, form = await _options_form(hass, entry)
    defaults = form({})["history"]
    assert defaults == {"history_days": 365, "snapshot_days": 30}

    # As the frontend sends numbers.
    await hass.config_entries.options.async_configure(
        flow_id,
        {"history": {"history_days": 90.0, "snapshot_days": 30.0}},
    )

    assert entry.options == {"history_days": 90}
    assert all(type(value) is int for value in entry.options.values())
    flow_id, form = await _options_form(hass, entry)
    assert form({})["history"] == defaults | entry.options
    await hass.config_entries.options.async_configure(
        flow_id, {"advanced": {"removal_confirm": 12}}
    )
    assert entry.options == {
        "history_days": 90,
        "removal_confirm": 12,
    }


async def test_what_all_printers_share_is_the_same_in_the_options_of_each(
    hass: HomeAssistant,
) -> None:
    first, second = make_entry(), make_entry(OTHER_SERIAL)
    for entry in (first, second):
        entry.add_to_hass(hass)
    flow_id, form = await _options_form(hass, first)
    assert form({})["shared"] == {"max_megabytes": 50}

    await hass.config_entries.options.async_configure(
        flow_id, {"shared": {"max_megabytes": 20.0}}
    )

    assert first.options == second.options == {}
    flow_id, form = await _options_form(hass, second)
    assert form({})["shared"] == {"max_megabytes": 20}

    await hass.config_entries.options.async_configure(
        flow_id, {"shared": {"max_megabytes": 50}}
    )
    _, form = await _options_form(hass, first)
    assert form({})["shared"] == {"max_megabytes": 50}


async def test_only_the_choice_to_leave_out_identifiers_is_stored(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    flow_id, form = await _options_form(hass, entry)
    assert form({})["privacy"] == {"bus_identifiers": True}

    await hass.config_entries.options.async_configure(
        flow_id, {"privacy": {"bus_identifiers": False}}
    )

    assert entry.options == {"bus_identifiers": False}
    flow_id, form = await _options_form(hass, entry)
    assert form({})["privacy"] == {"bus_identifiers": False}
    await hass.config_entries.options.async_configure(
        flow_id, {"privacy": {"bus_identifiers": True}}
    )
    assert entry.options == {}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("history", "history_days", 0),
        ("history", "history_days", 3651),
        ("history", "snapshot_days", 0),
        ("history", "snapshot_days", 3651),
        ("shared", "max_megabytes", 4),
        ("shared", "max_megabytes", 1025),
        ("advanced", "insert_settle", 0),
        ("advanced", "removal_confirm", 3600),
    ],
)
async def test_options_out_of_bounds_are_refused(
    hass: HomeAssistant, section: str, name: str, value: int
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    flow_id, _ = await _options_form(hass, entry)

    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(
            flow_id, {section: {name: value}}
        )


async def test_the_options_form_can_be_shown_in_a_browser(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    for component in (DOMAIN, "config"):
        assert await async_setup_component(hass, component, {})
    client = await hass_client()

    response = await client.post(
        "/api/config/config_entries/options/flow", json={"handler": entry.entry_id}
    )

    assert response.status == 200
    sections = (await response.json())["data_schema"]
    assert [part["name"] for part in sections] == [
        "history",
        "privacy",
        "advanced",
        "shared",
    ]
    assert sections[0]["default"]["history_days"] == 365
    limits = {
        field["name"]: field["selector"]["number"]
        for part in (sections[0], sections[3])
        for field in part["schema"]
    }
    assert {
        name: (number["min"], number["max"], number["unit_of_measurement"])
        for name, number in limits.items()
    } == {
        "history_days": (1, 3650, "d"),
        "snapshot_days": (1, 3650, "d"),
        "max_megabytes": (5, 1024, "MB"),
    }


async def test_an_entry_without_its_driver_has_no_options(hass: HomeAssistant) -> None:
    entry = make_entry(driver_key="no_such_driver")
    entry.add_to_hass(hass)

    result = await hass.config_entries.options.async_init(entry.entry_id)

    assert result["reason"] == "unknown_driver"
