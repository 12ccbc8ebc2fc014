"""Hikvision cameras: ISAPI EventNotificationAlert in XML, alone or in a multipart alertStream.

Any namespace (urn:psialliance-org, isapi ver20, hikvision ver10 and ver20, or none). Only the
intervals of people counting count: `timeRange`. `realTime` is a running total beside them, and
every other event (the heartbeat `videoloss`, motion) says only that the camera lives.

Address: serial = the MAC in 12 lower-case digits; channel = `channelID`, or
`channelID/regionsID` where the alert names a region, as `1/1`. Labels: `enter`, `exit`. Not
counted: `pass` and `duplicatePeople` walk by, and the children of `childCounting` are among the
people counted already; a second figure for one interval would replace the first.
`isDataRetransmission` needs no care: what is sent again has the same key.

Pieces: `enter` and `exit` each; an alert or an element that does not count is one.
"""

import re

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import Gathering, Unfit, instant, interval, name_of, serial_of
from services.adapters.refusals import Reason, shown
from services.adapters.xml_tree import Element, read_xml

ALERT = "EventNotificationAlert"
LABELS = {"enter": Metric.FOOTFALL_IN, "exit": Metric.FOOTFALL_OUT}
# A camera sends an alert and its pictures at a time; each part costs a parser.
MOST_STREAMED = 10_000
LONGEST_BOUNDARY = 200
LONGEST_HEAD = 8_192
SHOWN = 400
_END_OF_HEAD = re.compile(rb"\r?\n[ \t]*\r?\n")


def decode(body: bytes, source: Source) -> Decoded:
    """People counted in intervals. Raises Unreadable for what is neither an alert nor a stream."""
    gathering = Gathering()
    opening = body.lstrip(b" \t\r\n")
    if not opening.startswith(b"--"):
        root = read_xml(body)
        if root.name != ALERT:
            raise Unreadable(Reason.UNKNOWN_FORMAT, _not_an_alert(root))
        _take_alert(root, source, gathering)
        return gathering.decoded()
    for part in _parts(opening):
        _take_part(part, source, gathering)
    return gathering.decoded()


def _parts(body: bytes) -> list[bytes]:
    """The parts of a multipart body, by the boundary it opens with."""
    boundary = body[: LONGEST_BOUNDARY + 1].partition(b"\n")[0].rstrip(b"\r \t")
    if not 2 < len(boundary) <= LONGEST_BOUNDARY:
        raise Unreadable(
            Reason.UNKNOWN_FORMAT, "the body opens with dashes; expected a boundary and parts"
        )
    if body.count(boundary) > MOST_STREAMED:
        raise Unreadable(
            Reason.TOO_LARGE,
            f"the stream has more than {MOST_STREAMED:,} parts; send it in several",
        )
    parts = re.split(rb"(?:\A|\n)" + re.escape(boundary) + rb"(?=--|[ \t\r\n]|\Z)", body)[1:]
    return [part for part in parts if part.strip() and not part.startswith(b"--")]


def _take_part(part: bytes, source: Source, gathering: Gathering) -> None:
    """An alert, or a picture beside one; what cannot be read is refused alone."""
    head, content = b"", part
    if found := _END_OF_HEAD.search(part, 0, LONGEST_HEAD):
        head, content = part[: found.start()].lower(), part[found.end() :]
    content = content.strip(b" \t\r\n")
    if not content:
        gathering.skip()
        return
    is_text = content.startswith((b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff"))
    if b"image/" in head or b"octet-stream" in head or not (is_text or b"xml" in head or not head):
        if b"json" in head:
            why = Unfit(Reason.NOT_XML, "the part is JSON; set the camera to send XML")
            gathering.refuse(why, content[:SHOWN].decode("utf-8", "replace"))
        else:
            gathering.skip()
        return
    try:
        root = read_xml(content)
    except Unreadable as error:
        why = Unfit(error.problem.code, error.problem.reason)
        gathering.refuse(why, content[:SHOWN].decode("utf-8", "replace"))
        return
    if root.name != ALERT:
        gathering.refuse(Unfit(Reason.UNKNOWN_FORMAT, _not_an_alert(root)), root.written(SHOWN))
        return
    _take_alert(root, source, gathering)


def _take_alert(alert: Element, source: Source, gathering: Gathering) -> None:
    text = alert.written(SHOWN)
    try:
        mac = alert.text_at("macAddress")
        serial = serial_of(mac, "macAddress") if mac else ""
    except Unfit as why:
        gathering.refuse(why, text)
        return
    gathering.heard.add(serial)
    counting = alert.all("peopleCounting")
    if alert.text_at("eventType").casefold() != "peoplecounting" or not counting:
        gathering.skip()
        return
    gathering.skip(len(alert.all("childCounting")))
    # Looked up once: an alert may hold thousands of elements.
    channel = alert.text_at("channelID") or alert.text_at("dynChannelID")
    for element in counting:
        try:
            _take_counting(element, serial, channel, text, source, gathering)
        except Unfit as why:
            gathering.refuse(why, text)


def _take_counting(
    element: Element, serial: str, channel: str, text: str, source: Source, gathering: Gathering
) -> None:
    method = element.text_at("statisticalMethods")
    span = element.child("TimeRange") or element.child("timeRange")
    if method.casefold() == "realtime" or (not method and span is None):
        gathering.skip()
        return
    if method and method.casefold() != "timerange":
        raise Unfit(
            Reason.UNKNOWN_FORMAT,
            f"statisticalMethods is {shown(method)}; expected timeRange or realTime",
        )
    if span is None:
        raise Unfit(Reason.MISSING_FIELD, "TimeRange is missing; expected startTime and endTime")
    zone = source.zone_for(serial)
    start, end = interval(
        instant(span.text_at("startTime"), "startTime", zone),
        instant(span.text_at("endTime"), "endTime", zone),
        "TimeRange",
    )
    channel = name_of(channel, "channelID")
    if region := element.text_at("regionsID"):
        channel = f"{channel}/{name_of(region, 'regionsID')}"
    given = {label: found for label in LABELS if (found := element.text_at(label))}
    if not given:
        raise Unfit(Reason.MISSING_FIELD, "enter and exit are missing; expected two counts")
    for label, written in given.items():
        gathering.take_count(
            written,
            label,
            serial=serial,
            channel=channel,
            label=label,
            metric=LABELS[label],
            start=start,
            end=end,
            text=text,
        )


def _not_an_alert(root: Element) -> str:
    return f"the root is {shown(root.name)}; expected {ALERT}"
