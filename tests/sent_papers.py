"""Leases that are with the shop S-001 for its signature, on the site of tests.portal_site."""

import itertools
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from portal_site import PortalSite
from sqlalchemy.orm import Session
from staff_mall import NOW

from domain.charges import ChargeType, PricingKind
from services.documents.fonts import prepare_fonts
from services.operations.leasing import (
    ClauseDraft,
    approve_change,
    approve_contract,
    draft_contract,
    propose_amendment,
    submit_contract,
)
from services.operations.malls import register_unit
from services.operations.papers import SentPaper, send_amendment, send_for_signature
from storage.database import transaction
from storage.models import Notification, SigningCode
from storage.objects import open_object_store

OFFICER, MANAGER = "operation@example.org", "management@example.org"
START, END = date(2026, 5, 1), date(2027, 4, 30)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class SentLease:
    contract_id: int
    number: str
    sent: SentPaper

    @property
    def address(self) -> str:
        return f"/portal/papers/{self.sent.paper_id}"


def share_fonts(site: PortalSite, font_state_dir: Path) -> None:
    """Let the site draw with the fonts that were cut for all tests."""
    prepare_fonts(font_state_dir)
    here = site.site.settings.state_dir / "fonts"
    if not here.exists():
        here.symlink_to(font_state_dir / "fonts")


def rent(amount: str, first: date = START) -> ClauseDraft:
    return ClauseDraft(
        ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": amount, "tax_rate": "0.09"}, first
    )


def approved_lease(session: Session, site: PortalSite, *, number: str) -> int:
    """A lease of S-001 over a unit of its own, approved; its id."""
    mall_id = site.site.mall.mall_id
    unit = register_unit(
        session, mall_id=mall_id, code=f"U-{number}", floor="2F", zone="",
        area_m2=Decimal("80.00"), opened_date=date(2020, 1, 1),
    )  # fmt: skip
    contract_id = draft_contract(
        session, mall_id=mall_id, shop_id=site.mall.own_shop, number=number, unit_ids=[unit],
        start_date=START, end_date=END, deposit_amount=Decimal(30000), actor=OFFICER, now=NOW,
        clauses=[rent("10000.00")],
    )  # fmt: skip
    submit_contract(session, contract_id=contract_id, actor=OFFICER, now=NOW)
    approve_contract(session, contract_id=contract_id, actor=MANAGER, now=NOW)
    return contract_id


def sent_lease(site: PortalSite) -> SentLease:
    """A new lease that waits for the shop's signature."""
    number = f"HT-S-{next(_numbers):03}"
    with transaction(site.site.engine) as session:
        contract_id = approved_lease(session, site, number=number)
        sent = send_for_signature(
            session,
            open_object_store(site.site.settings),
            settings=site.site.settings,
            contract_id=contract_id,
            actor=OFFICER,
            now=NOW,
        )
    return SentLease(contract_id, number, sent)


def sent_amendment(site: PortalSite, contract_id: int, *, amount: str = "9000.00") -> SentPaper:
    """An amendment of a running lease that waits for the shop's signature."""
    with transaction(site.site.engine) as session:
        day = date(2026, 8, 1)
        change_id = propose_amendment(
            session, contract_id=contract_id, effective_date=day, clauses=[rent(amount, day)],
            reason="中庭施工", actor=OFFICER, now=NOW,
        )  # fmt: skip
        approve_change(session, change_id=change_id, actor=MANAGER, now=NOW)
        return send_amendment(
            session, open_object_store(site.site.settings), settings=site.site.settings,
            change_id=change_id, actor=OFFICER, now=NOW,
        )  # fmt: skip


def code_sent_to(engine: sa.Engine, paper_id: int) -> str:
    """The newest one-time code for a paper, read where only the sender may."""
    with Session(engine) as session:
        newest = session.scalars(
            sa.select(SigningCode.id)
            .where(SigningCode.paper_id == paper_id)
            .order_by(SigningCode.id.desc())
        ).first()
        body = session.scalar(
            sa.select(Notification.secret_body).where(
                Notification.dedupe_key == f"signing-code/{newest}"
            )
        )
    assert body is not None, "no code was sent"
    found = re.search(r"(?<!\d)\d{6}(?!\d)", body)
    assert found, "the message names no code"
    return found[0]
