"""Scenarios: another certificate, a disk that turns read-only, a clock that is set."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import (
    DOMAIN,
    Event,
    add_printer,
    complaints,
    on_spool_events,
    slots,
    statuses,
    stored,
    true_statuses,
    until_shown,
    wait_until,
)
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_scenarios import BLACK, BLUE, WHITE, x1c
from tests.printers.box_turtle import BLUE_SPOOL, KlipperPrinter

from .clock import Clock
from .disk import Disk
from .verdict import (
    Verdict,
    database,
    once,
    repair_is_gone,
    repair_is_shown,
    repairs,
    sound,
    stop_in_order,
    until,
)

# The printer looks again after at most a minute.
_NOTICED: Final = 90.0
_EVENT: Final = 60.0


async def certificate(folder: Path) -> Verdict:
    """Let the printer, then another one at its address, present another certificate."""
    verdict = Verdict()
    async with (
        BambuPrinter(x1c(), chatter=1.0) as printer,
        HomeAssistant(folder) as home_assistant,
    ):
        client = home_assistant.client
        await add_printer(client, printer)
        await until_shown(client, printer.hardware, 40)
        published: list[Event] = []
        await on_spool_events(client, published.append)

        printer.change_certificate()
        printer.kick()
        logins = printer.logins
        await printer.play(printer.hardware.remove(1, 1))
        verdict.check(
            await repair_is_shown(client, "new_certificate", _NOTICED),
            "a repair shows the new certificate",
            await repairs(client),
        )
        await asyncio.sleep(10)
        verdict.check(
            printer.logins == logins and not published,
            "no access code is sent to it",
        )
        [issue] = [
            issue
            for issue in await repairs(client)
            if issue.startswith("new_certificate")
        ]
        step = await client.post(
            "repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue}
        )
        step = await client.post(f"repairs/issues/fix/{step['flow_id']}", {})
        verdict.check(
            step["type"] == "create_entry"
            and await repair_is_gone(client, "new_certificate"),
            "once accepted, the repair is gone",
            step,
        )
        await until_shown(client, printer.hardware, 40)
        await wait_until(lambda: bool(published), _EVENT)
        verdict.check(
            [event["meta"]["detected_late"] for event in published] == [True]
            and not once(published, stored(home_assistant)),
            "a removal meanwhile is reported late, once",
            published,
        )

        printer.change_certificate("00M09A000009999")
        printer.kick()
        logins = printer.logins
        verdict.check(
            await repair_is_shown(client, "wrong_printer", _NOTICED),
            "the certificate of another printer is named as such",
            await repairs(client),
        )
        verdict.check(printer.logins == logins, "and gets no access code")
    return verdict


async def read_only(folder: Path) -> Verdict:
    """Let the kernel make the disk of the open store read-only, then repair the disk."""
    verdict = Verdict()
    home_assistant = HomeAssistant(folder)
    store = database(home_assistant)
    with Disk(folder.with_suffix(".img"), store.parent) as disk:
        async with BambuPrinter(x1c(), chatter=1.0) as printer, home_assistant:
            client, hardware = home_assistant.client, printer.hardware
            await add_printer(client, printer)
            await until_shown(client, hardware, 40)
            published: list[Event] = []
            await on_spool_events(client, published.append)
            await printer.play(hardware.insert(1, 3, WHITE))
            await wait_until(lambda: len(published) == 1, _EVENT)

            disk.fail()
            await printer.play(hardware.remove(1, 1))
            await printer.play(hardware.insert(2, 2, BLACK))
            await wait_until(lambda: len(published) == 3, _EVENT)
            persisted = [event["meta"].get("persisted", True) for event in published]
            verdict.check(
                persisted == [True, False, False],
                "events are published all the same, with persisted: false",
                persisted,
            )
            verdict.check(
                await repair_is_shown(client, "store_read_only"),
                "the repair names the cause",
                await repairs(client),
            )
            await asyncio.to_thread(disk.repair)
            verdict.check(
                await repair_is_gone(client, "store_", _EVENT),
                "after the repair of the disk it is gone",
                await repairs(client),
            )
            await printer.play(hardware.remove(1, 2))
            await wait_until(lambda: len(published) == 4, _EVENT)
            wrong = once(published, stored(home_assistant))
            verdict.check(
                len(published) == 4 and not wrong,
                f"{len(published)} events happened, are published and stored once",
                wrong,
            )
            # And again, until the stop.
            disk.fail()
            await printer.play(hardware.insert(1, 1, BLUE))
            await wait_until(lambda: len(published) == 5, _EVENT)
            await home_assistant.stop()
            await asyncio.to_thread(disk.repair)
            verdict.check(
                await asyncio.to_thread(sound, store), "the database is sound"
            )
            await home_assistant.start()
            await until_shown(home_assistant.client, hardware, 60)
            found = stored(home_assistant)
            verdict.check(
                len(set(found)) == len(found) >= 5,
                "what was not written before a stop is found after it",
                f"{len(found)} stored",
            )
    return verdict


async def clock(folder: Path) -> Verdict:
    """Set the clock of a running instance: hours, both ways, and over summer time."""
    verdict = Verdict()
    moved = Clock(folder.with_suffix(".clock"))
    # The night in which Prague sets its clocks forward, at 1:00 UTC.
    before_summer = datetime(2027, 3, 27, 20, tzinfo=UTC)
    moved.set(before_summer)
    async with (
        BambuPrinter(x1c(), chatter=1.0) as bambu,
        KlipperPrinter() as klipper,
        HomeAssistant(folder, variables=moved.variables) as home_assistant,
    ):
        client, hardware, turtle = home_assistant.client, bambu.hardware, klipper.turtle
        await add_printer(client, bambu)
        await add_printer(client, klipper)
        await until_shown(client, hardware, 60)

        async def shown() -> bool:
            found = statuses(await slots(client, klipper.identity))
            return found == true_statuses(klipper)

        await until(shown, 60)
        published: list[Event] = []
        await on_spool_events(client, published.append)
        moves = [
            ("six hours forward, over summer time", timedelta(hours=6)),
            ("three hours back, over summer time", timedelta(hours=-3)),
            ("to ten seconds before summer time", None),
            ("a day forward, over the nightly purge", timedelta(hours=19)),
            ("twenty hours back", timedelta(hours=-20)),
        ]
        for number, (title, by) in enumerate(moves):
            if number % 2 == 0:
                acts = (hardware.insert(1, 3, WHITE), hardware.remove(1, 1))
                loading = turtle.insert(2, BLUE_SPOOL)
            else:
                acts = (hardware.remove(1, 3), hardware.insert(1, 1, BLUE))
                loading = turtle.remove(2)
            before = len(published)
            # In the middle of a confirmation.
            changing = asyncio.gather(*map(bambu.play, acts), loading)
            await asyncio.sleep(1)
            if by is None:
                moved.set(datetime(2027, 3, 28, 0, 59, 50, tzinfo=UTC))
            else:
                moved.move(moved.offset + by)
            await changing
            await _published(published, before + 3)
            await asyncio.sleep(12)
            found = len(published) - before
            verdict.check(found == 3, f"{title}: 3 changes, {found} events")
        late = [event for event in published if event["meta"]["detected_late"]]
        verdict.check(not late, "none is late", len(late))
        wrong = once(published, stored(home_assistant))
        verdict.check(not wrong, f"{len(published)} events are stored once", wrong)

        verdict.check(await until(shown, 30), "the slots are as they are")
        await until_shown(client, hardware, 30)
        found_complaints = complaints(home_assistant)
        verdict.check(
            not found_complaints, "the log has no complaint", found_complaints[:3]
        )
        await stop_in_order(verdict, home_assistant)
    return verdict


async def _published(events: list[Event], count: int) -> None:
    await wait_until(lambda: len(events) >= count, _EVENT)
