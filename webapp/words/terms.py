"""A clause's terms in the words of whoever reads the page."""

from collections.abc import Mapping
from typing import Any

from domain.charges import PricingKind
from services.documents.clause_texts import clause_terms
from webapp.language import current_locale


def terms(kind: PricingKind, parameters: Mapping[str, Any], currency: str) -> tuple[str, ...]:
    """What the clause charges, each part a sentence: the words of the papers."""
    return clause_terms(kind, parameters, currency=currency, locale=current_locale())
