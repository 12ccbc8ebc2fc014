"""The words that a mall has put in place of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.models import MessageTemplate


@dataclass(frozen=True, slots=True)
class OwnWords:
    subject: str
    body: str
    edited_by: str
    edited_at: datetime


def list_own_words(
    session: Session, *, mall_id: int, template: str | None = None
) -> Mapping[tuple[str, str], OwnWords]:
    """A mall's own words by template and language, of one template when it is named."""
    query = sa.select(MessageTemplate).where(MessageTemplate.mall_id == mall_id)
    if template is not None:
        query = query.where(MessageTemplate.template == template)
    return {
        (row.template, row.locale): OwnWords(row.subject, row.body, row.edited_by, row.edited_at)
        for row in session.scalars(query)
    }
