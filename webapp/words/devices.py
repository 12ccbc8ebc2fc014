"""What an adapter is and what is wrong with a device's entry, in words.

Belongs here: sentences of the register's pages. Not here: names of adapters (webapp/admin/labels).
"""

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.devices import Adapter, FeedKind, Metric
from services.operations.device_rules import Fault, FieldFault
from webapp.admin import labels

ADAPTERS: dict[Adapter, LazyString] = {
    Adapter.ATRIUM: _l("The open format of this site; the device names itself by its code."),
    Adapter.HIKVISION: _l(
        "Cameras that push people counts as XML; the serial number is the MAC address."
    ),
    Adapter.AXIS: _l("Cameras that push people counts as JSON."),
    Adapter.XOVIS: _l("Sensors of version 4 and 5; the channel is a line or a zone."),
    Adapter.MILESIGHT: _l("Sensors of the VS series; the channel is a line."),
    Adapter.POSLOG: _l(
        "Tills that write the ARTS POSLog; the serial number is the store, the channel the till."
    ),
    Adapter.TECHTRANS: _l(
        "Tills that send each sale by SOAP; the serial number is the store, the channel the till."
    ),
    Adapter.SHOP_DAYS: _l("A shop's system that sends one total a day; repeats replace."),
    Adapter.NEM12: _l(
        "Interval data of electricity meters as CSV; the channel is the meter's register."
    ),
    Adapter.DSMR: _l("Telegrams of meters with OBIS codes; the channel is such a code."),
    Adapter.GATEWAY: _l(
        "A gateway that reads Modbus or DL/T 645; the serial number is the node, the channel the"
        " tag."
    ),
    Adapter.AI_ON_THE_EDGE: _l("A camera that reads a dial."),
}


def fault_sentence(wrong: FieldFault) -> str:
    """A fault in the reader's language."""
    value = wrong.value
    if wrong.fault in (Fault.NOT_MEASURED, Fault.IMPOSSIBLE_KIND, Fault.COUNTS_TWICE):
        value = str(labels.label_of_value(Metric, value))
    elif wrong.fault is Fault.ONLY_REGISTERS_ROLL:
        value = str(labels.label_of_value(FeedKind, value))
    sentences = {
        Fault.NO_CODE: _("A code has no blanks around it and no “/”."),
        Fault.CODE_TAKEN: _("This code is taken; choose another."),
        Fault.UNKNOWN_ADAPTER: _("Choose one of the list."),
        Fault.NO_SERIAL: _("A device of this make is known by its serial number; enter it."),
        Fault.ADDRESS_TAKEN: _("The device %(device)s has this serial and channel.", device=value),
        Fault.ONLY_REGISTERS_ROLL: _("Only a register rolls over; leave this empty."),
        Fault.NOT_POSITIVE: _("This must be above 0."),
        Fault.TOO_GREAT: _("This must be below %(limit)s.", limit=value),
        Fault.UNKNOWN_TIME_ZONE: _("Choose one of the list."),
        Fault.NOT_MEASURED: _("A device of this kind does not measure %(metric)s.", metric=value),
        Fault.IMPOSSIBLE_KIND: _("%(metric)s cannot count in this way.", metric=value),
        Fault.COUNTS_TWICE: _(
            "%(metric)s and its register would both count; choose one.", metric=value
        ),
    }
    return sentences[wrong.fault]
