"""The paper of a lease, or of an amendment: drawn once, sealed by the mall, signed by the shop.

Belongs here: what happens to the bytes and the rows of a paper, together with the step of the
lease it belongs to, in one transaction. Not here: the step itself (leasing), what the paper says
(services.queries.contract_papers), cryptography (services.signatures), and who may sign
(signing_codes, the portal).

A paper is written to the object store before its row is: what is left after a failure names
nothing. Signing adds bytes to what was sealed and changes none.
"""

import hashlib
import secrets
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractEvent as Event
from domain.notifications import Audience, Template
from domain.signing import PaperState, Party, SignatureState, SigningMethod
from services.documents.amendment_pdf import draw_amendment
from services.documents.contract_paper import AmendmentPaper, Verification
from services.documents.contract_paper import ContractPaper as PaperFacts
from services.documents.contract_pdf import draw_contract
from services.documents.fonts import prepare_fonts
from services.documents.signature_marks import MarkFacts, draw_person_mark, draw_seal_mark
from services.operations.leasing.change_signing import decline_change, send_change, sign_change
from services.operations.leasing.change_steps import shown_change
from services.operations.leasing.errors import ContractNotFound
from services.operations.leasing.machine import locked
from services.operations.leasing.paper_rows import void_papers
from services.operations.leasing.signing import decline_contract, send_contract, sign_contract
from services.operations.messages import post_message
from services.queries.contract_papers import get_amendment_paper, get_contract_paper
from services.signatures.checking import check_paper
from services.signatures.keys import open_seal, signer_for_one, trusted_roots
from services.signatures.sealing import add_signature, certificate_sha256, seal_paper
from storage.models import Contract, ContractChange, ContractPaper, ContractSignature, Mall, Shop
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings

# Without the letters and digits that are read for one another; 80 bits.
CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 16
CODE_GROUP = 4


@dataclass(frozen=True, slots=True)
class SentPaper:
    """A paper that waits for the shop's signature. `sha256` is of the sealed bytes."""

    paper_id: int
    verify_code: str
    pages: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Signer:
    """The person who signs in the shop's name, and from where."""

    user_id: int
    name: str
    email: str
    address: str
    agent: str

    @property
    def shown(self) -> str:
        """`Wang Min <wang@example.org>`, or the address alone."""
        return self.email if self.name == self.email else f"{self.name} <{self.email}>"


class PaperNotFound(Exception):
    """No such paper, or none of these shops."""

    def __init__(self, paper_id: int) -> None:
        super().__init__(f"there is no paper {paper_id}")
        self.paper_id = paper_id


class PaperNotWaiting(Exception):
    """The paper was signed, declined or taken back before; `state` is what it has come to."""

    def __init__(self, paper_id: int, state: PaperState) -> None:
        super().__init__(f"the paper {paper_id} is {state} and waits for no signature")
        self.paper_id = paper_id
        self.state = state


class PaperDamaged(Exception):
    """The stored bytes are not those that the mall sealed. Nobody can sign them."""

    def __init__(self, paper_id: int, object_key: str) -> None:
        super().__init__(
            f"the bytes of the paper {paper_id}, {object_key}, are not what was sealed"
        )
        self.paper_id = paper_id
        self.object_key = object_key


def send_for_signature(
    session: Session,
    store: ObjectStore,
    *,
    settings: Settings,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
) -> SentPaper:
    """APPROVED → SENT: draw the approved version, seal it, keep it and tell the shop.

    Raises ContractNotFound, TermsNotApproved, IllegalTransition, RoleMayNot; nothing is sent then.
    """
    send_contract(session, contract_id=contract_id, actor=actor, role=role, now=now)
    contract = session.get_one(Contract, contract_id)
    verification = _verification(settings)
    facts = get_contract_paper(session, contract_id, verification=verification, now=now)
    name = f"v{contract.version}"
    sent = _keep(session, store, settings, contract, facts, name=name, change=None, now=now)
    _tell(session, contract, Template.CONTRACT_SENT, Audience.SHOP, sent.paper_id, actor, now)
    return sent


def send_amendment(
    session: Session,
    store: ObjectStore,
    *,
    settings: Settings,
    change_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
) -> SentPaper:
    """APPROVED → SENT: draw an amendment, seal it, keep it and tell the shop.

    Raises ChangeNotFound, NotRunning, IllegalTransition, RoleMayNot; nothing is sent then.
    """
    send_change(session, change_id=change_id, actor=actor, role=role, now=now)
    change = session.get_one(ContractChange, change_id)
    contract = session.get_one(Contract, change.contract_id)
    verification = _verification(settings)
    facts = get_amendment_paper(session, change_id, verification=verification, now=now)
    name = f"amendment-{change.number}"
    return _keep(session, store, settings, contract, facts, name=name, change=change, now=now)


def sign_paper(
    session: Session,
    store: ObjectStore,
    *,
    settings: Settings,
    paper_id: int,
    shop_ids: Set[int],
    signer: Signer,
    now: datetime,
) -> None:
    """The shop's signature goes into the sealed bytes, and the lease or its amendment takes its
    step. Who signs has proved who they are before.

    Raises PaperNotFound, PaperNotWaiting, PaperDamaged.
    """
    paper = _waiting(session, paper_id, shop_ids)
    contract = session.get_one(Contract, paper.contract_id)
    mall = session.get_one(Mall, paper.mall_id)
    shop = session.get_one(Shop, paper.shop_id)
    sealed = _sealed_bytes(store, paper)
    key = signer_for_one(
        settings, person=signer.name, shop=shop.name, contract=contract.number, now=now
    )
    fingerprint = certificate_sha256(key)
    mark = MarkFacts(signer.name, shop.name, now, mall.time_zone, fingerprint)
    fonts = prepare_fonts(settings.state_dir, text=f"{signer.name}{shop.name}")
    signed = add_signature(
        sealed,
        signer=key,
        mark=draw_person_mark(mark, fonts),
        reason=f"签署 Signed: {contract.number}",
        now=now,
    )
    _require_good(settings, paper_id, signed, now)
    signed_key = paper.object_key.removesuffix("-sealed.pdf") + "-signed.pdf"
    store.put(signed_key, signed)
    for row in paper.signatures:
        if row.party is Party.TENANT:
            row.state = SignatureState.SIGNED
            row.signer = signer.shown
            row.user_id = signer.user_id
            row.signed_at = now
            row.address = signer.address
            row.agent = signer.agent
            row.certificate_sha256 = fingerprint
    paper.state = PaperState.SIGNED
    paper.signed_object_key = signed_key
    paper.signed_sha256 = _sha256(signed)
    paper.signed_bytes = len(signed)
    paper.signed_at = now
    session.flush()
    if paper.change_id is not None:
        sign_change(session, change_id=paper.change_id, actor=signer.email, now=now)
        return
    sign_contract(session, contract_id=contract.id, actor=signer.email, now=now)
    for audience in (Audience.SHOP, Audience.OFFICER):
        _tell(session, contract, Template.CONTRACT_SIGNED, audience, paper_id, signer.email, now)


def decline_paper(
    session: Session,
    *,
    paper_id: int,
    shop_ids: Set[int],
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """The shop does not sign: the paper is void, and the officer is told why.

    Raises PaperNotFound, PaperNotWaiting; CommentRequired or ReasonRequired without a reason.
    """
    paper = _waiting(session, paper_id, shop_ids)
    contract = session.get_one(Contract, paper.contract_id)
    change_id = paper.change_id
    if change_id is not None:
        decline_change(session, change_id=change_id, comment=reason, actor=actor, now=now)
    else:
        decline_contract(session, contract_id=contract.id, comment=reason, actor=actor, now=now)
        _tell(
            session,
            contract,
            Template.CONTRACT_DECLINED,
            Audience.OFFICER,
            paper_id,
            actor,
            now,
            reason=reason.strip(),
        )
    void_papers(session, contract_id=contract.id, change_id=change_id, reason=reason, now=now)


def read_code(text: str) -> str:
    """A code as it is kept, however somebody typed it; empty for what is none."""
    code = "".join(letter for letter in text.upper() if letter.isalnum())
    is_code = len(code) == CODE_LENGTH and set(code) <= set(CODE_ALPHABET)
    return code if is_code else ""


def shown_code(code: str) -> str:
    """A code in groups for the eye."""
    return "-".join(code[at : at + CODE_GROUP] for at in range(0, len(code), CODE_GROUP))


def _verification(settings: Settings) -> Verification:
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return Verification(shown_code(code), f"{settings.site}/verify/{code}")


def _keep(
    session: Session,
    store: ObjectStore,
    settings: Settings,
    contract: Contract,
    facts: PaperFacts | AmendmentPaper,
    *,
    name: str,
    change: ContractChange | None,
    now: datetime,
) -> SentPaper:
    """Draw, seal and store a paper, and write down that it waits for the shop."""
    parties = facts.parties
    written = [parties.text, *(unit.code + unit.floor for unit in facts.terms.units)]
    if isinstance(facts, AmendmentPaper):
        written.append(facts.reason)
    fonts = prepare_fonts(settings.state_dir, text="".join(written))
    drawn = (
        draw_amendment(facts, fonts)
        if isinstance(facts, AmendmentPaper)
        else draw_contract(facts, fonts)
    )
    seal = open_seal(settings, mall_id=contract.mall_id, mall_name=parties.mall_name, now=now)
    fingerprint = certificate_sha256(seal)
    mark = MarkFacts("", parties.mall_name, now, parties.time_zone, fingerprint)
    sealed = seal_paper(
        drawn.data,
        boxes=drawn.boxes,
        signer=seal,
        mark=draw_seal_mark(mark, fonts),
        reason=f"盖章 Sealed: {contract.number}",
        now=now,
    )
    code = read_code(facts.verification.code)
    key = f"documents/contracts/{contract.id}/{name}-{code}-sealed.pdf"
    paper = ContractPaper(
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        change_id=change.id if change else None,
        version=contract.version,
        contract_number=facts.terms.number,
        start_date=facts.terms.start,
        end_date=facts.terms.end,
        state=PaperState.SEALED,
        verify_code=code,
        pages=drawn.pages,
        object_key=key,
        sha256=_sha256(sealed),
        bytes=len(sealed),
        sealed_at=now,
        signatures=[
            ContractSignature(
                party=Party.LANDLORD,
                state=SignatureState.SIGNED,
                method=SigningMethod.SEAL,
                signer=parties.mall_name,
                signed_at=now,
                certificate_sha256=fingerprint,
            ),
            ContractSignature(
                party=Party.TENANT,
                state=SignatureState.PENDING,
                method=SigningMethod.PASSWORD_AND_CODE,
            ),
        ],
    )
    store.put(key, sealed)
    session.add(paper)
    session.flush()
    _require_good(settings, paper.id, sealed, now)
    return SentPaper(paper.id, code, drawn.pages, paper.sha256)


def _waiting(session: Session, paper_id: int, shop_ids: Set[int]) -> ContractPaper:
    """A paper that waits for one of the shops, locked after the lease or the change it is of."""
    found = session.execute(
        sa.select(ContractPaper.contract_id, ContractPaper.change_id, ContractPaper.state).where(
            ContractPaper.id == paper_id, ContractPaper.shop_id.in_(shop_ids)
        )
    ).one_or_none()
    if found is None:
        raise PaperNotFound(paper_id)
    contract_id, change_id, state = found
    if state is PaperState.SEALED:
        try:
            if change_id is None:
                locked(session, contract_id)
            else:
                shown_change(session, change_id)
        except ContractNotFound:  # taken back meanwhile: it is not the shop's to lock any more
            raise PaperNotWaiting(paper_id, PaperState.VOID) from None
        paper = session.get(ContractPaper, paper_id, with_for_update=True, populate_existing=True)
        if paper is not None and paper.state is PaperState.SEALED:
            return paper
        state = session.scalars(
            sa.select(ContractPaper.state).where(ContractPaper.id == paper_id)
        ).one()
    raise PaperNotWaiting(paper_id, state)


def _sealed_bytes(store: ObjectStore, paper: ContractPaper) -> bytes:
    try:
        data = store.get(paper.object_key)
    except ObjectNotFound:
        data = b""
    if _sha256(data) != paper.sha256:
        raise PaperDamaged(paper.id, paper.object_key)
    return data


def _require_good(settings: Settings, paper_id: int, data: bytes, now: datetime) -> None:
    """What we sign, we would accept: a paper that a reader refuses does not leave."""
    found = check_paper(data, roots=trusted_roots(settings, now=now), now=now)
    if not found.is_good:
        raise RuntimeError(f"the paper {paper_id} came out with {', '.join(found.faults)}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tell(
    session: Session,
    contract: Contract,
    template: Template,
    audience: Audience,
    paper_id: int,
    actor: str,
    now: datetime,
    *,
    reason: str = "",
) -> None:
    events = {
        Template.CONTRACT_SENT: Event.SEND,
        Template.CONTRACT_SIGNED: Event.SIGN,
        Template.CONTRACT_DECLINED: Event.DECLINE,
    }
    post_message(
        session,
        template=template,
        audience=audience,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        parameters={"reason": reason} if reason else {},
        dedupe_key=f"{template.lower()}/{paper_id}/{audience.lower()}",
        cause=f"CONTRACT {events[template]}",
        actor=actor,
        now=now,
    )
