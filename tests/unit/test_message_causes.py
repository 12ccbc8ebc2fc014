"""Why a message was sent is said in words, whatever caused it; so is why one reached nobody."""

import pytest

from domain.contract_changes import RecordedEvent
from domain.contracts import ContractEvent
from domain.notifications import Failure, Template, Unaddressed
from domain.reminders import ReminderStep
from domain.renewals import THRESHOLDS
from services.operations.outbox import Refusal
from webapp.words import messages as words

CAUSES = (
    *(f"CONTRACT {event}" for event in (*ContractEvent, *RecordedEvent)),
    *(f"CHANGE {event}" for event in RecordedEvent),
    *(f"REMINDER {step}" for step in ReminderStep),
    *(f"{days} DAYS BEFORE THE END" for days in THRESHOLDS),
)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_said_in_words(cause: str) -> None:
    said = str(words.why(cause))
    assert said != cause
    assert not any(part.isupper() and len(part) > 3 for part in said.replace("_", " ").split())


def test_cause_of_a_later_release_shows_itself() -> None:
    assert words.why("TICKET OPENED") == "TICKET OPENED"
    assert words.why("REMINDER T+99") == "REMINDER T+99"


def test_every_template_reason_and_refusal_has_a_word() -> None:
    for template in Template:
        assert str(words.kind_of_message(template)) not in ("Message", template)
    assert str(words.kind_of_message("LATER")) == "Message"
    for reason in Unaddressed:
        assert str(words.why_nobody(f"{reason}: detail")) != f"{reason}: detail"
    for refusal in Refusal:
        assert str(words.why_not_again(refusal))


@pytest.mark.parametrize("failure", list(Failure))
def test_failure_of_our_own_is_said_in_words(failure: Failure) -> None:
    said, raw = words.why_not_sent(failure.told("mail.example.org:587: timed out"))
    assert failure not in str(said)
    assert raw == "mail.example.org:587: timed out"
    assert words.why_not_sent(failure.told()) == (said, "")


def test_what_a_provider_says_is_shown_as_it_stands() -> None:
    text = "isv.BUSINESS_LIMIT_CONTROL: too many"
    assert words.why_not_sent(text) == ("", text)


def test_calendar_is_nobody() -> None:
    assert words.who("SYSTEM") != "SYSTEM"
    assert words.who("operation@example.org") == "operation@example.org"
