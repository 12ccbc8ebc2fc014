"""What a file that somebody holds against a paper is, in words.

Belongs here: sentences for `services.signatures`. Not here: judging.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from services.queries.paper_verification import KnownPaper
from services.signatures.checking import Fault, PaperFacts, SignatureFacts
from services.signatures.comparing import Comparison, Likeness

FAULTS: Mapping[Fault, Any] = {
    Fault.UNREADABLE: _l("It cannot be read as a PDF."),
    Fault.UNSIGNED: _l("It holds no signature."),
    Fault.CHANGED: _l("It was changed after it was signed."),
    Fault.FOREIGN: _l("It was signed with a key that this site does not vouch for."),
    Fault.ADDED: _l("Something was added after it was signed."),
}


@dataclass(frozen=True)
class Verdict:
    """`tone` as of a message: success, warning or error."""

    title: str
    sentence: str
    tone: str


def verdict(comparison: Comparison, paper: KnownPaper) -> Verdict:
    """What the file is beside the paper that is kept."""
    match comparison.likeness:
        case Likeness.SIGNED:
            return Verdict(
                _("This is the signed file."),
                _("Every byte is as it was when both sides had signed."),
                "success",
            )
        case Likeness.SEALED if paper.signed_at is not None:
            return Verdict(
                _("This is the paper before the shop signed."),
                _("It is genuine, but the signed file has one signature more."),
                "warning",
            )
        case Likeness.SEALED:
            return Verdict(
                _("This is the sealed paper."),
                _("Every byte is as the mall sealed it. The shop has not signed it."),
                "success" if paper.voided_at is None else "warning",
            )
        case Likeness.EXTENDED:
            return Verdict(
                _("This is not the file that was signed."),
                ngettext(
                    "%(num)s byte was added after its end.",
                    "%(num)s bytes were added after its end.",
                    comparison.more,
                ),
                "error",
            )
        case Likeness.CUT:
            return Verdict(
                _("This is not the whole file."),
                ngettext(
                    "The last %(num)s byte is missing.",
                    "The last %(num)s bytes are missing.",
                    -comparison.more,
                ),
                "error",
            )
        case _:
            return Verdict(
                _("This is not the file that was signed."),
                _(
                    "It differs from byte %(place)s on.",
                    place=f"{comparison.first + 1:,}",
                ),
                "error",
            )


def fault_sentences(facts: PaperFacts | SignatureFacts) -> tuple[str, ...]:
    """What is wrong with a file, or with one signature in it, by itself."""
    return tuple(str(FAULTS[fault]) for fault in facts.faults)
