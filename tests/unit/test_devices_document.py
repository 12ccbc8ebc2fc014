"""docs/devices.md has a section for each adapter, and its examples are read."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain.devices import Adapter, Metric
from services.adapters.decoded import Source
from services.adapters.makes import decoder_of
from services.adapters.readings_judge import JsonReading
from storage.settings import REPOSITORY

TEXT = (REPOSITORY / "docs" / "devices.md").read_text()
SOURCE = Source(received_at=datetime(2026, 5, 13, tzinfo=UTC), zone=ZoneInfo("Asia/Shanghai"))
SECTIONS = dict(re.findall(r"^## [^\n]*?`(\w+)`\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
MAKES = [adapter for adapter in Adapter if adapter is not Adapter.ATRIUM]


def example(adapter: Adapter) -> bytes:
    (body,) = re.findall(r"^```\w+\n(.*?)^```$", SECTIONS[adapter], re.M | re.S)
    return str(body).encode()


def test_every_adapter_has_its_section_and_none_is_made_up() -> None:
    assert list(SECTIONS) == list(Adapter)


@pytest.mark.parametrize("adapter", MAKES)
def test_section_says_how_to_set_and_register_the_device(adapter: Adapter) -> None:
    for word in ("**Set**", "**Register**"):
        assert word in SECTIONS[adapter]


@pytest.mark.parametrize("adapter", MAKES)
def test_example_is_read(adapter: Adapter) -> None:
    decoded = decoder_of(adapter)(example(adapter), SOURCE)
    assert decoded.refusals == []
    assert [*decoded.measurements, *decoded.sales]
    assert decoded.skipped == 0


@pytest.mark.parametrize("adapter", MAKES)
def test_labels_of_the_example_stand_in_its_section(adapter: Adapter) -> None:
    labels = {m.label for m in decoder_of(adapter)(example(adapter), SOURCE).measurements}
    section = SECTIONS[adapter]
    for label in labels:
        ending = label.rpartition("_")[2]
        assert f"`{label}`" in section or f"`{ending}`" in section, label


def test_example_of_our_own_format_is_a_reading() -> None:
    reading = msgspec.json.decode(example(Adapter.ATRIUM), type=JsonReading)
    assert reading.data_type in set(Metric)
