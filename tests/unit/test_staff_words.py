"""Every word of the staff pages has its Chinese, and every value of an enum its word."""

from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from domain import (
    backups,
    bills,
    charges,
    contract_changes,
    contracts,
    deposits,
    devices,
    gates,
    malls,
    notifications,
    payments,
    people,
    renewals,
    requests,
    signing,
)
from webapp.admin import labels

WEBAPP = Path(__file__).resolve().parents[2] / "webapp"
CATALOGUE = WEBAPP / "translations/zh_Hans_CN/LC_MESSAGES/messages.po"
METHODS = [("api/**", "ignore"), ("templates/api/**", "ignore"), ("**.py", "python")]
METHODS.append(("templates/**.html", "jinja2"))
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
SHOWN = [
    malls.BusinessType,
    contracts.ContractState,
    contracts.ContractEvent,
    charges.ChargeType,
    charges.PricingKind,
    charges.Proration,
    charges.TariffKind,
    bills.BillState,
    bills.BillEvent,
    payments.PaymentState,
    payments.PaymentMethod,
    devices.DeviceKind,
    devices.DeviceStatus,
    devices.FeedKind,
    devices.KeyState,
    devices.Metric,
    devices.Quality,
    devices.Feed,
    requests.RequestKind,
    requests.RequestCategory,
    requests.RequestPriority,
    requests.RequestState,
    backups.BackupKind,
    backups.BackupOrigin,
    backups.BackupState,
    people.Role,
    people.AccountState,
    gates.Gate,
    contract_changes.ChangeKind,
    contract_changes.ChangeState,
    signing.PaperState,
    signing.Party,
    signing.SignatureState,
    signing.SigningMethod,
    renewals.RenewalState,
    deposits.DepositKind,
    malls.UnitChangeKind,
    notifications.Audience,
    notifications.Channel,
    notifications.Topic,
    notifications.DeliveryState,
]


def test_every_word_of_the_pages_is_translated() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    used = {
        message
        for _path, _line, message, _comments, _context in extract_from_dir(
            WEBAPP, METHODS, keywords=KEYWORDS
        )
    }
    known = {message.id for message in catalogue if message.id}
    assert used - known == set(), "run pybabel extract and translate these"
    assert known - used == set(), "the pages no longer say these"
    for message in catalogue:
        if message.id:
            parts = message.string if isinstance(message.string, tuple) else (message.string,)
            assert all(parts), message.id
            assert not message.fuzzy, message.id


@pytest.mark.parametrize("kind", SHOWN)
def test_every_value_has_a_word(kind: type[StrEnum]) -> None:
    for member in kind:
        word = str(labels.label(member))
        assert word != member.value or not word.isupper(), member


def test_equal_values_of_two_enums_keep_their_own_words() -> None:
    assert str(labels.label(devices.FeedKind.EVENT)) == "Events"
    assert str(labels.label(requests.RequestKind.EVENT)) == "Event"
