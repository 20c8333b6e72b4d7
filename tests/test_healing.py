"""Faults of a virtual printer: each is reported, fixed and cleared without a restart."""

import asyncio
from collections.abc import AsyncIterator
import ssl
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import pytest_socket

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.bambulab_mqtt import (
    driver as bambu_driver,
    session as bambu_session,
    tls,
)
from custom_components.filament_slots.drivers.base import ErrorCode
from custom_components.filament_slots.network import retries

from .common import FixFlow
from .drivers.moonraker_filament.fake_moonraker import INSTANCE, fake_moonraker
from .drivers.moonraker_filament.websocket_server import serve
from .printers.bambu import HOST, BambuPrinter
from .printers.bambu_scenarios import p1s, x1c
from .printers.certificates import make_certificate
from .real_printer import entry_of, issues, running, set_up, status_of, until
from .test_discovery import Ether, ether as ether  # noqa: PLC0414 - a fixture

ELSEWHERE = "127.0.0.2"
NEW_CODE = "n3wc0de1"


@pytest.fixture(autouse=True)
def quick(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once, and open the circuit after the second failure."""
    pytest_socket.socket_allow_hosts([HOST, ELSEWHERE], allow_unix_socket=True)
    monkeypatch.setattr(retries, "_PAUSE_MAXIMUM", 0.05)
    monkeypatch.setattr(retries, "_CIRCUIT_OPENS_AT", 2)


@pytest.fixture
async def refusals_are_normal(hass: HomeAssistant) -> None:
    """Let clients refuse the printer's certificate: its server runs on the same loop."""
    handler = hass.loop.get_exception_handler()
    assert handler is not None

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), ssl.SSLError):
            handler(loop, context)

    hass.loop.set_exception_handler(handle)


@pytest.fixture
async def printer(
    hass: HomeAssistant, refusals_are_normal: None
) -> AsyncIterator[BambuPrinter]:
    """A printer that is switched on; the integration is unloaded after the test."""
    async with BambuPrinter(x1c()) as printer:
        yield printer
        for entry in hass.config_entries.async_entries(DOMAIN):
            await hass.config_entries.async_unload(entry.entry_id)
        await until(lambda: not printer.clients)


@pytest.fixture
async def entry(hass: HomeAssistant, printer: BambuPrinter) -> MockConfigEntry:
    """Its entry, running."""
    entry = entry_of(printer)
    await set_up(hass, entry)
    await running(entry)
    return entry


async def _fix(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, issue_id: str
) -> FixFlow:
    assert await async_setup_component(hass, "repairs", {})
    fix = FixFlow(await hass_client())
    await fix.start(issue_id)
    return fix


# The code.


async def test_a_new_code_is_asked_for_and_the_printer_runs_with_it(
    hass: HomeAssistant, printer: BambuPrinter, entry: MockConfigEntry
) -> None:
    printer.change_access_code(NEW_CODE)
    await until(lambda: status_of(entry) == "auth_failed")
    await hass.async_block_till_done()
    logins = printer.logins
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"access_code": "wr0ngc0d"}
    )
    assert result["errors"] == {"access_code": "invalid_auth"}

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"access_code": NEW_CODE}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    await running(entry)

    assert printer.logins == logins + 3  # Wrong, right, and the driver's own.
    assert entry.data["access_code"] == NEW_CODE
    assert issues(hass) == []


# The address.


async def test_a_printer_at_a_new_address_is_found_by_its_announcement(
    hass: HomeAssistant, printer: BambuPrinter, ether: Ether
) -> None:
    entry = entry_of(printer, host=ELSEWHERE)
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])

    await ether.announce(hass, HOST, printer.hardware.serial)
    await running(entry)

    assert entry.data == entry_of(printer).data
    assert issues(hass) == []


async def test_a_printer_whose_address_was_reused_is_found_by_its_announcement(
    hass: HomeAssistant, printer: BambuPrinter, ether: Ether
) -> None:
    other = BambuPrinter(p1s())
    await other.power_on(printer.port, ELSEWHERE)
    try:
        entry = entry_of(printer, host=ELSEWHERE)
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["wrong_printer"])

        await ether.announce(hass, HOST, printer.hardware.serial)
        await running(entry)
    finally:
        await other.power_off()

    assert other.logins == 0
    assert issues(hass) == []


# The certificate.


async def test_a_replaced_certificate_is_accepted_in_the_repair_and_the_printer_runs(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    printer: BambuPrinter,
    entry: MockConfigEntry,
) -> None:
    printer.change_certificate()
    printer.kick()
    await until(lambda: issues(hass) == ["new_certificate"])
    logins = printer.logins

    fix = await _fix(hass, hass_client, f"new_certificate_{entry.entry_id}")
    assert printer.logins == logins  # Nothing is sent before it is accepted.
    result = await fix.confirm()
    await hass.async_block_till_done()

    assert result["type"] == "create_entry"
    await running(entry)
    assert entry.data["certificate"] == printer.certificate
    assert issues(hass) == []


async def test_a_printer_that_was_reset_connects_after_reconfiguring(
    hass: HomeAssistant, printer: BambuPrinter, entry: MockConfigEntry
) -> None:
    printer.change_certificate()
    printer.change_access_code(NEW_CODE)
    await until(lambda: issues(hass) == ["new_certificate"])

    result: Any = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"],
        {
            "host": HOST,
            "access_code": NEW_CODE,
            "advanced": {"port": printer.port},
        },
    )
    assert result["step_id"] == "new_certificate"
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()

    await running(entry)
    assert issues(hass) == []


# Another printer.


async def test_another_printer_at_the_address_is_never_accepted(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    printer: BambuPrinter,
    entry: MockConfigEntry,
) -> None:
    await printer.power_off()
    async with BambuPrinter(p1s(), printer.access_code) as other:
        await other.power_off()
        await other.power_on(printer.port)
        await until(lambda: issues(hass) == ["wrong_printer"])

        fix = await _fix(hass, hass_client, f"wrong_printer_{entry.entry_id}")
        await fix.confirm(next_step_id="address")
        refused = await fix.confirm(
            host=HOST, port=other.port, access_code=printer.access_code
        )
        assert refused["errors"] == {"base": "wrong_printer"}
        result: Any = await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
        )
        refused = await hass.config_entries.flow.async_configure(
            result["flow_id"], {"host": HOST, "advanced": {"port": other.port}}
        )
        assert refused["errors"] == {"base": "wrong_printer"}
        hass.config_entries.flow.async_abort(result["flow_id"])

        assert other.logins == 0
        assert entry.data == entry_of(printer).data
        assert issues(hass) == ["wrong_printer"]
    await printer.power_on()
    await running(entry)
    assert issues(hass) == []


async def test_a_printer_is_found_at_the_address_that_is_entered_in_the_repair(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, printer: BambuPrinter
) -> None:
    async with BambuPrinter(p1s()) as other:
        entry = entry_of(printer, port=other.port)
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["wrong_printer"])

        fix = await _fix(hass, hass_client, f"wrong_printer_{entry.entry_id}")
        await fix.confirm(next_step_id="address")
        result = await fix.confirm(host=HOST, port=printer.port)
        await hass.async_block_till_done()

        assert result["type"] == "create_entry"
        await running(entry)
        assert issues(hass) == []
        assert other.logins == 0


# All other issues, each raised and cleared by its actual cause.


async def test_a_closed_port_is_an_issue_until_it_opens(
    hass: HomeAssistant, printer: BambuPrinter, entry: MockConfigEntry
) -> None:
    await printer.power_off()
    await until(lambda: issues(hass) == ["unreachable"])

    await printer.power_on()
    await running(entry)
    assert issues(hass) == []


async def test_a_printer_that_sends_nothing_is_an_issue_until_it_does(
    hass: HomeAssistant, printer: BambuPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bambu_driver.Driver, "first_message", 0.2)
    printer.silent = True
    entry = entry_of(printer)
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["silent_printer"])

    printer.silent = False
    await running(entry)
    assert issues(hass) == []


async def test_a_printer_that_closes_every_connection_is_an_issue_until_it_does_not(
    hass: HomeAssistant, printer: BambuPrinter, entry: MockConfigEntry
) -> None:
    printer.closes_after_connect = True
    printer.kick()
    await until(lambda: issues(hass) == ["closed_after_connect"])

    printer.closes_after_connect = False
    await running(entry)
    assert issues(hass) == []


async def test_a_failing_tls_handshake_is_an_issue_until_it_succeeds(
    hass: HomeAssistant, printer: BambuPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_certificate(printer.hardware.serial).pem
    with monkeypatch.context() as patch:
        patch.setattr(
            bambu_session, "pinned_context", lambda pem: tls.pinned_context(other)
        )
        entry = entry_of(printer)
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["tls_failed"])

    await running(entry)
    assert issues(hass) == []


async def test_a_driver_that_fails_is_an_issue_until_it_works(
    hass: HomeAssistant, printer: BambuPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bambu_driver, "open_session", None)
        entry = entry_of(printer)
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["driver_broken"])

    await running(entry)
    assert issues(hass) == []


async def test_another_server_at_moonrakers_address_is_an_issue_until_it_is_back(
    hass: HomeAssistant,
) -> None:
    async with fake_moonraker() as moonraker:
        config = moonraker.config

        async def send_bad_input(peer: Any) -> None:
            while True:
                await peer.answer("hello")

        async with serve(send_bad_input) as url:
            entry = MockConfigEntry(
                domain=DOMAIN,
                title="Voron",
                unique_id=INSTANCE,
                data={
                    "driver_key": "moonraker_filament",
                    "model": None,
                    **config,
                    "host": url,
                    "instance_id": INSTANCE,
                },
            )
            await set_up(hass, entry)
            await until(lambda: issues(hass) == ["not_moonraker"])
            assert entry.runtime_data.error == ErrorCode.WRONG_SERVICE

        hass.config_entries.async_update_entry(entry, data={**entry.data, **config})
        assert await hass.config_entries.async_reload(entry.entry_id)
        await running(entry)
        assert issues(hass) == []
        await hass.config_entries.async_unload(entry.entry_id)
