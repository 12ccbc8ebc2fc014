"""A mall says in its own words what we say in ours.

Belongs here: keeping such words and doing away with them. Not here: what words may name
(`domain.message_templates`) and filling them (message_texts).
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.message_templates import SPECS, TextProblem, check_words
from domain.notifications import Template
from services.language import LOCALES
from services.operations.message_texts import our_words
from services.operations.message_words import Words
from storage.models import MessageTemplate


class NotOfMalls(Exception):
    """The message is the same in every mall: it is about an account."""


class WrongWords(Exception):
    """The words cannot be used; `problems` say why."""

    def __init__(self, problems: tuple[TextProblem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def save_words(
    session: Session,
    *,
    mall_id: int,
    template: Template,
    locale: str,
    subject: str,
    body: str,
    actor: str,
    now: datetime,
) -> bool:
    """The mall says this from now on; whether that changed anything. Words that are ours are not
    kept as the mall's: it follows ours again when they are improved. The caller commits.

    Raises NotOfMalls, WrongWords, and ValueError for a language without words.
    """
    if not SPECS[template].is_of_mall:
        raise NotOfMalls(template)
    if locale not in LOCALES:
        raise ValueError(f"there are no words in {locale!r}")
    words = Words(subject.strip(), body.replace("\r\n", "\n").strip())
    problems = check_words(template, subject=words.subject, body=words.body)
    if problems:
        raise WrongWords(problems)
    if words == our_words(template, locale):
        return reset_words(session, mall_id=mall_id, template=template, locale=locale)
    said = {"subject": words.subject, "body": words.body}
    row = insert(MessageTemplate).values(
        mall_id=mall_id,
        template=template.value,
        locale=locale,
        edited_by=actor,
        edited_at=now,
        **said,
    )
    written = session.scalar(
        row.on_conflict_do_update(
            index_elements=["mall_id", "template", "locale"],
            set_={**said, "edited_by": actor, "edited_at": now},
            where=sa.tuple_(MessageTemplate.subject, MessageTemplate.body)
            != sa.tuple_(words.subject, words.body),
        ).returning(MessageTemplate.id)
    )
    return written is not None


def reset_words(session: Session, *, mall_id: int, template: Template, locale: str) -> bool:
    """The mall says what we say again; whether it had said something else. The caller commits."""
    gone = session.scalar(
        sa.delete(MessageTemplate)
        .where(
            MessageTemplate.mall_id == mall_id,
            MessageTemplate.template == template.value,
            MessageTemplate.locale == locale,
        )
        .returning(MessageTemplate.id)
    )
    return gone is not None
