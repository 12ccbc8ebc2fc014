"""Papers of leases that are signed, the signatures under them, and one-time codes."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.signing import PaperState, Party, SignatureState, SigningMethod
from storage.models.base import Base, Id, Mapped, mapped_column, one_of
from storage.models.leasing import Contract


class ContractPaper(Base):
    """One PDF of a version of a lease, or of an amendment: drawn once, sealed by the mall, signed
    by the shop. `sha256` names the sealed bytes, `signed_sha256` those with both signatures.
    """

    __tablename__ = "contract_papers"
    __table_args__ = (
        sa.Index(
            "uq_contract_papers_live",
            "contract_id",
            "version",
            sa.text("coalesce(change_id, 0)"),
            unique=True,
            postgresql_where=sa.text("state <> 'VOID'"),
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"))
    change_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.contract_changes.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    # As they stand on the paper: the lease itself may change afterwards.
    contract_number: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    state: Mapped[PaperState] = mapped_column(one_of(PaperState))
    # What the QR code on the paper leads to: who has it may ask whether a file is the signed one.
    verify_code: Mapped[str] = mapped_column(unique=True)
    pages: Mapped[int] = mapped_column(sa.Integer)
    object_key: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int]
    sealed_at: Mapped[datetime]
    signed_object_key: Mapped[str | None]
    signed_sha256: Mapped[str | None]
    signed_bytes: Mapped[int | None]
    signed_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str] = mapped_column(server_default="")
    contract: Mapped[Contract] = relationship()
    signatures: Mapped[list["ContractSignature"]] = relationship(
        back_populates="paper", order_by="ContractSignature.id"
    )


class ContractSignature(Base):
    """Who signed, how it was confirmed, from where; a pending one names nobody yet."""

    __tablename__ = "contract_signatures"
    __table_args__ = (
        sa.UniqueConstraint("paper_id", "party"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    paper_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contract_papers.id"))
    party: Mapped[Party] = mapped_column(one_of(Party))
    state: Mapped[SignatureState] = mapped_column(one_of(SignatureState))
    method: Mapped[SigningMethod] = mapped_column(one_of(SigningMethod))
    signer: Mapped[str] = mapped_column(server_default="")
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.users.id", ondelete="SET NULL"))
    signed_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(server_default="")
    agent: Mapped[str] = mapped_column(server_default="")
    certificate_sha256: Mapped[str] = mapped_column(server_default="")
    paper: Mapped[ContractPaper] = relationship(back_populates="signatures")


class SigningCode(Base):
    """A one-time code that a person confirms a signature with; the code itself is not kept."""

    __tablename__ = "signing_codes"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), index=True
    )
    # What it signs, as `contract_papers.id`; without a key: the sign-in door reads no leases.
    paper_id: Mapped[int]
    code_hash: Mapped[str]
    tries: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
