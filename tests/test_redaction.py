"""Redaction: ids are replaced by the same pseudonym everywhere, secrets removed."""

from custom_components.filament_slots.redaction import Pseudonyms

TAG = "A1B2C3D400000100"
SPOOL = "0123456789ABCDEF0123456789ABCDEF"
SERIAL = "00M09A000000777"


def test_an_id_has_the_same_pseudonym_everywhere() -> None:
    pseudonyms = Pseudonyms(ids=[SERIAL], secrets=[])

    masked = pseudonyms.mask(
        {
            "wire": [{"tag_uid": TAG.lower(), "tray_uuid": SPOOL}],
            "slot": {"rfid_uid": TAG, "external_id": f"bambulab:{SPOOL}"},
            "module": {"sn": SERIAL},
            "log": f"{SERIAL} has read {TAG}",
        }
    )

    assert masked == {
        "wire": [{"tag_uid": "a1b0000000000002", "tray_uuid": "012" + "3".zfill(29)}],
        "slot": {
            "rfid_uid": "A1B0000000000002",
            "external_id": "bambulab:012" + "3".zfill(29),
        },
        "module": {"sn": "00M000000000001"},
        "log": "00M000000000001 has read A1B0000000000002",
    }


def test_a_network_address_is_replaced() -> None:
    pseudonyms = Pseudonyms(ids=(), secrets=())

    masked = pseudonyms.mask(
        {"versions": {"mac": "b827eb012345"}, "log": ["at B827EB012345"]}
    )

    assert "b827eb012345" not in str(masked).lower()


def test_the_serial_of_a_unit_that_is_explained_is_replaced() -> None:
    masked = Pseudonyms(ids=(), secrets=()).mask({"unit_serial": SERIAL})

    assert masked == {"unit_serial": "00M000000000001"}


def test_a_value_that_is_no_id_is_kept() -> None:
    values = {
        "tag_uid": "0000000000000000",
        "tray_uuid": "",
        "sn": "N/A",
        "rfid_uid": "0",
        "external_id": "spoolman:12",
        "uid": None,
        "gate_spool_rfid": ["", None],
        "card_uid": 0,
        "serial": "**REDACTED**",
        "ams_id": "XXXXXXXXXXXXXXX",
        "number": 12345678,
    }

    assert Pseudonyms(ids=[], secrets=[]).mask(values) == values


def test_a_chip_as_bytes_has_the_pseudonym_of_the_chip_as_text() -> None:
    masked = Pseudonyms(ids=[], secrets=[]).mask(
        {
            "info": [{"CARD_UID": [0x90, 0x20, 0xC4, 0x02]}],
            "rfid_uid": "9020C402",
            "gate_spool_rfid": ["9020C402"],
            "other": [0x90, 0x20, 0xC4, 0x02],
            "uid": ["no", "byte", "at", "all"],
        }
    )

    assert masked == {
        "info": [{"CARD_UID": [0x90, 0x20, 0x00, 0x01]}],
        "rfid_uid": "90200001",
        "gate_spool_rfid": ["90200001"],
        "other": [0x90, 0x20, 0xC4, 0x02],
        "uid": ["no", "byte", "at", "all"],
    }


def test_an_id_is_replaced_in_a_text_that_comes_before_it() -> None:
    masked = Pseudonyms(ids=[], secrets=[]).mask({"log": [TAG], "rfid_uid": TAG})

    assert masked["log"] == [masked["rfid_uid"]]


def test_a_secret_is_removed_where_it_is_a_whole_word() -> None:
    pseudonyms = Pseudonyms(ids=[], secrets=["192.0.2.1", "12345678", ""])

    assert pseudonyms.scrub("at 192.0.2.1, not 192.0.2.100: 12345678") == (
        "at **REDACTED**, not 192.0.2.100: **REDACTED**"
    )
