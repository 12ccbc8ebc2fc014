"""Hikvision: intervals count, everything else a camera says does not."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from adapter_checks import RECEIVED, SHANGHAI, figures, moment, read, reasons
from adapter_samples import (
    CHILDREN,
    HEARTBEAT,
    REAL_TIME,
    hikvision_alert,
    hikvision_counting,
    multipart,
)

from domain.devices import Adapter
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.refusals import Reason

SERIAL = "00005e00532a"
COUNTED = [("1/1", "enter", "footfall_in", "21"), ("1/1", "exit", "footfall_out", "18")]
ALERT = hikvision_alert(hikvision_counting())


def hikvision(body: bytes) -> Decoded:
    return read(Adapter.HIKVISION, body)


@pytest.mark.parametrize(
    "namespace",
    [
        "",
        "urn:psialliance-org",
        "http://www.isapi.org/ver20/XMLSchema",
        "http://www.hikvision.com/ver10/XMLSchema",
        "http://www.hikvision.com/ver20/XMLSchema",
    ],
)
def test_interval_counts_in_any_namespace(namespace: str) -> None:
    decoded = hikvision(hikvision_alert(hikvision_counting(), namespace=namespace))
    assert figures(decoded) == COUNTED
    first = decoded.measurements[0]
    assert first.serial == SERIAL
    assert first.start == moment("2026-04-02T10:15:00Z")
    assert first.end - first.start == timedelta(minutes=15)
    assert decoded.heard == {SERIAL}


def test_prefixed_names_are_read_like_plain_ones() -> None:
    body = ALERT.decode().replace(' xmlns="', ' xmlns:a="').replace("<", "<a:")
    body = body.replace("<a:/", "</a:").replace("<a:?", "<?")
    assert figures(hikvision(body.encode())) == COUNTED


def test_running_total_beside_an_interval_is_skipped() -> None:
    decoded = hikvision(hikvision_alert(REAL_TIME + hikvision_counting()))
    assert figures(decoded) == COUNTED
    assert decoded.skipped == 1


def test_children_are_among_the_people_and_not_counted_again() -> None:
    decoded = hikvision(hikvision_alert(hikvision_counting(), rest=CHILDREN))
    assert figures(decoded) == COUNTED
    assert decoded.skipped == 1


@pytest.mark.parametrize("event", ["videoloss", "VMD", "fielddetection"])
def test_another_event_is_heard_and_skipped(event: str) -> None:
    decoded = hikvision(hikvision_alert("", event=event))
    assert (decoded.total, decoded.skipped) == (1, 1)
    assert decoded.heard == {SERIAL}


def test_retransmission_reads_like_the_first() -> None:
    again = hikvision_alert(
        hikvision_counting(), rest="<isDataRetransmission>true</isDataRetransmission>"
    )
    keys = [(m.channel, m.metric, m.start, m.value) for m in hikvision(ALERT).measurements]
    assert [(m.channel, m.metric, m.start, m.value) for m in hikvision(again).measurements] == keys


def test_alert_without_a_region_has_the_channel_alone() -> None:
    decoded = hikvision(hikvision_alert(hikvision_counting(region="")))
    assert {m.channel for m in decoded.measurements} == {"1"}


def test_several_regions_in_one_alert_are_channels_of_their_own() -> None:
    second = hikvision_counting(5, 4, region="<regionsID>2</regionsID>")
    decoded = hikvision(hikvision_alert(hikvision_counting() + second))
    assert [m.channel for m in decoded.measurements] == ["1/1", "1/1", "1/2", "1/2"]


def test_alert_that_names_no_mac_is_left_to_the_key() -> None:
    decoded = hikvision(ALERT.replace(b"<macAddress>00:00:5e:00:53:2a</macAddress>", b""))
    assert {m.serial for m in decoded.measurements} == {""}


def test_time_without_an_offset_lies_in_the_zone_of_the_device() -> None:
    body = ALERT.replace(b":00+08:00</startTime>", b":00</startTime>")
    body = body.replace(b":00+08:00</endTime>", b":00</endTime>")
    assert hikvision(body).measurements[0].start == moment("2026-04-02T10:15:00Z")
    urumqi = Source(RECEIVED, SHANGHAI, zone_of=lambda serial: ZoneInfo("Asia/Urumqi"))
    decoded = read(Adapter.HIKVISION, body, urumqi)
    assert decoded.measurements[0].start == moment("2026-04-02T12:15:00Z")


def test_one_bad_figure_spoils_no_other() -> None:
    decoded = hikvision(hikvision_alert(hikvision_counting("x", 18)))
    assert figures(decoded) == COUNTED[1:]
    assert reasons(decoded) == [Reason.BAD_NUMBER]
    assert "enter is 'x'" in decoded.refusals[0].reason


def test_missing_exit_leaves_enter() -> None:
    body = ALERT.replace(b"<exit>18</exit>", b"")
    assert figures(hikvision(body)) == COUNTED[:1]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"timeRange<", b"weekly<", Reason.UNKNOWN_FORMAT),
        (b"<enter>21</enter><exit>18</exit>", b"", Reason.MISSING_FIELD),
        (b"<channelID>1</channelID>", b"", Reason.MISSING_FIELD),
        (b"18:15:00+08:00", b"18:75:00+08:00", Reason.BAD_TIME),
        (b"<endTime>2026-04-02T18:30", b"<endTime>2026-04-02T18:15", Reason.BAD_INTERVAL),
        (b"TimeRange>", b"Range>", Reason.MISSING_FIELD),
        (b"00:00:5e:00:53:2a", b"x" * 300, Reason.BAD_TEXT),
    ],
)
def test_alert_that_makes_no_sense_is_refused_with_its_reason(
    old: bytes, new: bytes, code: Reason
) -> None:
    assert old in ALERT
    decoded = hikvision(ALERT.replace(old, new))
    assert reasons(decoded) == [code]
    assert not decoded.measurements


def test_stream_holds_alerts_pictures_and_heartbeats() -> None:
    later = ALERT.replace(b"18:15:00", b"18:30:00").replace(
        b"T18:30:00+08:00</end", b"T18:45:00+08:00</end"
    )
    body = multipart(
        ("application/xml", ALERT),
        ("image/jpeg", b"\xff\xd8--boundary2 \r\n\r\n<EventNotificationAlert>\xff\xd9"),
        ("application/xml; charset=UTF-8", HEARTBEAT),
        ("application/xml", later),
    )
    for closed in (body, body + b"--boundary--\r\n", b"\r\n" + body, body.replace(b"\r\n", b"\n")):
        decoded = hikvision(closed)
        assert len(decoded.measurements) == 4
        assert decoded.skipped == 2
        assert not decoded.refusals


def test_part_cut_off_is_refused_alone() -> None:
    body = multipart(("application/xml", ALERT), ("application/xml", ALERT))[:-90]
    decoded = hikvision(body)
    assert figures(decoded) == COUNTED
    assert reasons(decoded) == [Reason.NOT_XML]


def test_part_of_json_says_to_send_xml() -> None:
    decoded = hikvision(multipart(("application/json", b'{"eventType": "PeopleCounting"}')))
    assert reasons(decoded) == [Reason.NOT_XML]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"<Other/>", Reason.UNKNOWN_FORMAT),
        (b"<EventNotificationAlert>", Reason.NOT_XML),
        (b'{"eventType": "PeopleCounting"}', Reason.NOT_XML),
        (b"--\r\n\r\n", Reason.UNKNOWN_FORMAT),
        (b"--" + b"x" * 500, Reason.UNKNOWN_FORMAT),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            b"<EventNotificationAlert>&x;</EventNotificationAlert>",
            Reason.NOT_XML,
        ),
        (b"<a>" * 100, Reason.TOO_DEEP),
        (b"--b\n<a/>\n" * 3 + b"--b\n" * 200_001, Reason.TOO_LARGE),
    ],
)
def test_what_is_no_alert_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        hikvision(body)
    assert caught.value.problem.code == code
