"""leases: versions, changes, signed papers, renewals, deposits, merged and split units"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.audit_capture import capture_rows
from storage.roles import Group
from storage.row_security import allow, by_mall, by_parent, by_shop, protect_rows

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SA, MG, OP, FI = Group.SUPER_ADMIN, Group.MANAGEMENT, Group.OPERATION, Group.FINANCE
SHOP, DOOR, PIPELINES = Group.SHOP, Group.DOOR, Group.PIPELINES
READ = "SELECT"
ADD = "SELECT, INSERT"
DESKS = {SA: READ, MG: READ, OP: READ, FI: READ}
OF_A_CONTRACT = by_parent("app.contracts", "contract_id")
DRAWN = "SELECT, INSERT, UPDATE (state, voided_at, void_reason)"
# table: (conditions of protect_rows, privileges)
TABLES = {
    "app.unit_changes": ({"staff": by_mall()}, {**DESKS, SA: ADD, OP: ADD, PIPELINES: READ}),
    "app.unit_change_parts": (
        {"staff": by_parent("app.unit_changes", "change_id")},
        {**DESKS, SA: ADD, OP: ADD, PIPELINES: READ},
    ),
    "app.contract_versions": ({"staff": OF_A_CONTRACT}, {**DESKS, OP: ADD, PIPELINES: READ}),
    "app.contract_changes": (
        {
            "staff": OF_A_CONTRACT,
            "shop": f"{OF_A_CONTRACT} AND state IN ('SENT', 'DECLINED', 'IN_FORCE')",
        },
        {
            **DESKS,
            OP: "SELECT, INSERT, UPDATE",
            MG: "SELECT, UPDATE (state, decided_by, decided_at, comment, in_force_at)",
            SHOP: "SELECT, UPDATE (state, comment)",
            PIPELINES: READ,
        },
    ),
    "app.contract_papers": (
        {"staff": by_mall(), "shop": by_shop()},
        {
            **DESKS,
            OP: DRAWN,
            MG: DRAWN,
            SHOP: "SELECT, UPDATE (state, signed_object_key, signed_sha256, signed_bytes,"
            " signed_at, voided_at, void_reason)",
            PIPELINES: READ,
        },
    ),
    "app.contract_signatures": (
        {
            "staff": by_parent("app.contract_papers", "paper_id"),
            "shop": by_parent("app.contract_papers", "paper_id"),
        },
        {
            **DESKS,
            OP: "SELECT, INSERT, UPDATE (state)",
            MG: "SELECT, INSERT, UPDATE (state)",
            SHOP: "SELECT, UPDATE (state, signer, user_id, signed_at, address, agent,"
            " certificate_sha256)",
            PIPELINES: READ,
        },
    ),
    "app.renewal_requests": (
        {"staff": by_mall(), "shop": by_shop()},
        {
            **DESKS,
            OP: "SELECT, UPDATE (state, answer, answered_by, answered_at)",
            SHOP: "SELECT, INSERT, UPDATE (state)",
            PIPELINES: READ,
        },
    ),
    "app.deposit_entries": (
        {"staff": by_mall(), "shop": by_shop()},
        {
            **DESKS,
            FI: "SELECT, INSERT, UPDATE (confirmed_by, confirmed_at)",
            SHOP: READ,
            PIPELINES: ADD,
        },
    ),
    # A person's own; the door reads no leases.
    "app.signing_codes": ({"door": "true"}, {DOOR: "SELECT, INSERT, UPDATE"}),
}
CAPTURED = {
    "unit_changes": {},
    "unit_change_parts": {
        "subject": "unit_changes", "subject_column": "change_id", "part_column": "unit_id"
    },
    "contract_changes": {
        "subject": "contracts", "subject_column": "contract_id", "part_column": "id"
    },
    "contract_papers": {
        "subject": "contracts", "subject_column": "contract_id", "part_column": "id"
    },
    "contract_signatures": {
        "subject": "contract_papers", "subject_column": "paper_id", "part_column": "id"
    },
    "renewal_requests": {
        "subject": "contracts", "subject_column": "contract_id", "part_column": "id"
    },
    "deposit_entries": {
        "subject": "contracts", "subject_column": "contract_id", "part_column": "id"
    },
}  # fmt: skip

# What a shop sees of a lease's history, and what it adds to it: its own steps.
SHOWN_EVENTS = (
    "event IN ('SEND', 'SIGN', 'DECLINE', 'ACTIVATE', 'EXPIRE', 'TERMINATE', 'RENEW',"
    " 'AMENDMENT_SENT', 'AMENDMENT_SIGNED', 'AMENDMENT_DECLINED', 'RENEWAL_ASKED',"
    " 'RENEWAL_WITHDRAWN')"
)
TAKEN_EVENTS = (
    "event IN ('SIGN', 'DECLINE', 'AMENDMENT_SIGNED', 'AMENDMENT_DECLINED', 'RENEWAL_ASKED',"
    " 'RENEWAL_WITHDRAWN')"
)
# A shop signs or declines what it was sent, and nothing else of a lease is its to change.
SHOP_POLICIES = {
    "app.contracts": (
        "shop_answers",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (state = 'SENT')"
        " WITH CHECK (state IN ('SIGNED', 'DECLINED'))",
    ),
    "app.contract_units": (
        "shop_releases",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (true) WITH CHECK (NOT is_held)",
    ),
    "app.contract_signatures": (
        "shop_signs",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (party = 'TENANT' AND state = 'PENDING')"
        " WITH CHECK (state IN ('SIGNED', 'VOID'))",
    ),
    "app.contract_papers": (
        "shop_answers",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (state = 'SEALED')"
        " WITH CHECK (state IN ('SIGNED', 'VOID'))",
    ),
    "app.contract_changes": (
        "shop_answers",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (state = 'SENT')"
        " WITH CHECK (state = 'DECLINED')",
    ),
    "app.contract_events": (
        "shop",
        f"FOR ALL TO {{shop}} USING ({SHOWN_EVENTS} AND {OF_A_CONTRACT})"
        f" WITH CHECK ({TAKEN_EVENTS} AND {OF_A_CONTRACT})",
    ),
    "app.renewal_requests": (
        "shop_withdraws",
        "AS RESTRICTIVE FOR UPDATE TO {shop} USING (state = 'OPEN')"
        " WITH CHECK (state = 'WITHDRAWN')",
    ),
}
# Units of a draft are chosen again; those that a contract holds stay.
DRAFT_UNITS = (
    f"CREATE POLICY held_stay ON app.contract_units AS RESTRICTIVE FOR DELETE TO {OP}"
    " USING (NOT is_held)"
)

# An amendment is in force with the shop's signature: the shop's own role writes no clauses.
APPLY_AMENDMENT = """
CREATE FUNCTION app.apply_amendment(change_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change app.contract_changes;
    shop bigint;
BEGIN
    SELECT * INTO change FROM app.contract_changes c WHERE c.id = $1 FOR UPDATE;
    SELECT c.shop_id INTO shop FROM app.contracts c WHERE c.id = change.contract_id FOR UPDATE;
    IF NOT (app.is_unscoped() OR shop = ANY (app.scope_shops())) THEN
        RAISE EXCEPTION 'shop % is out of scope', shop USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF change.kind <> 'AMENDMENT' OR change.state <> 'SENT' THEN
        RAISE EXCEPTION 'change % waits for no signature', $1
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE app.contract_changes c SET state = 'IN_FORCE', in_force_at = $2 WHERE c.id = $1;
    UPDATE app.contract_clauses c SET superseded_at = $2
    WHERE c.contract_id = change.contract_id AND c.superseded_at IS NULL
        AND c.id IN (SELECT jsonb_array_elements_text(change.terms -> 'ends')::bigint);
    INSERT INTO app.contract_clauses
        (contract_id, charge_type, pricing_kind, parameters, valid_from, valid_to, recorded_at)
    SELECT change.contract_id, b.charge_type, b.pricing_kind, b.parameters, b.valid_from,
        b.valid_to, $2
    FROM jsonb_to_recordset(change.terms -> 'begins') AS b
        (charge_type text, pricing_kind text, parameters jsonb, valid_from date, valid_to date);
    UPDATE app.contracts c SET version = c.version + 1,
        recompute_from = least(c.recompute_from, change.effective_date)
    WHERE c.id = change.contract_id;
END
$$
"""

# Whoever holds a paper may ask about it by the code printed on it; that opens nothing else.
FIND_PAPER = """
CREATE FUNCTION app.find_contract_paper(code text) RETURNS TABLE (
    paper_id bigint, contract_number text, version integer, change_number integer, state text,
    mall_name text, shop_name text, start_date date, end_date date, object_key text,
    sha256 text, signed_object_key text, signed_sha256 text, sealed_at timestamptz,
    signed_at timestamptz, voided_at timestamptz, time_zone text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.id, p.contract_number, p.version, ch.number, p.state, m.name, s.name, p.start_date,
        p.end_date, p.object_key, p.sha256, p.signed_object_key, p.signed_sha256, p.sealed_at,
        p.signed_at, p.voided_at, m.time_zone
    FROM app.contract_papers p
    JOIN app.malls m ON m.id = p.mall_id
    JOIN app.shops s ON s.id = p.shop_id
    LEFT JOIN app.contract_changes ch ON ch.id = p.change_id
    WHERE p.verify_code = $1
$$
"""

# Both sides of a transfer, or neither: what leaves one lease arrives at another.
BALANCE_TRANSFERS = """
CREATE FUNCTION app.balance_deposit_transfers() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT count(*) <> 2 OR sum(amount) <> 0 FROM app.deposit_entries
        WHERE transfer = NEW.transfer)
    THEN
        RAISE EXCEPTION 'the transfer % of a deposit does not add up to nothing', NEW.transfer
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
TRANSFER_TRIGGER = """
CREATE CONSTRAINT TRIGGER transfers_balance AFTER INSERT OR UPDATE ON app.deposit_entries
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.transfer IS NOT NULL)
EXECUTE FUNCTION app.balance_deposit_transfers()
"""

FUNCTIONS = {
    "app.apply_amendment(bigint, timestamptz)": SHOP,
    "app.find_contract_paper(text)": DOOR,
    "app.balance_deposit_transfers()": "",
}


def upgrade() -> None:
    op.create_table(
        "signing_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("paper_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app.users.id"], name=op.f("fk_signing_codes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_codes")),
        schema="app",
    )
    op.create_index(
        op.f("ix_signing_codes_user_id"), "signing_codes", ["user_id"], unique=False, schema="app"
    )
    op.create_table(
        "unit_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "MERGE",
                "SPLIT",
                name="unitchangekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_unit_changes_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_changes")),
        schema="app",
    )
    op.create_table(
        "unit_change_parts",
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["app.unit_changes.id"], name=op.f("fk_unit_change_parts_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["app.units.id"], name=op.f("fk_unit_change_parts_unit_id")
        ),
        sa.PrimaryKeyConstraint("change_id", "unit_id", name=op.f("pk_unit_change_parts")),
        schema="app",
    )
    op.create_index(
        op.f("ix_unit_change_parts_unit_id"),
        "unit_change_parts",
        ["unit_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "contract_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "AMENDMENT",
                "TERMINATION",
                name="changekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "IN_REVIEW",
                "REJECTED",
                "APPROVED",
                "SENT",
                "DECLINED",
                "IN_FORCE",
                "WITHDRAWN",
                name="changestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_changes_contract_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_changes")),
        sa.UniqueConstraint(
            "contract_id", "number", name=op.f("uq_contract_changes_contract_id_number")
        ),
        schema="app",
    )
    op.create_index(
        "uq_contract_changes_open",
        "contract_changes",
        ["contract_id"],
        unique=True,
        schema="app",
        postgresql_where=sa.text("state IN ('IN_REVIEW', 'APPROVED', 'SENT')"),
    )
    op.create_table(
        "contract_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_sha256", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_versions_contract_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_versions")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contract_versions_contract_id"),
        "contract_versions",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "deposit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "RECEIVED",
                "TRANSFERRED_IN",
                "TRANSFERRED_OUT",
                "DEDUCTED",
                "REFUNDED",
                name="depositkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("transfer", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind IN ('RECEIVED', 'TRANSFERRED_IN')) = (amount > 0) AND amount <> 0",
            name=op.f("ck_deposit_entries_direction"),
        ),
        sa.CheckConstraint(
            "(kind IN ('TRANSFERRED_IN', 'TRANSFERRED_OUT')) = (transfer IS NOT NULL)",
            name=op.f("ck_deposit_entries_transfer_is_named"),
        ),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> entered_by OR transfer IS NOT NULL",
            name=op.f("ck_deposit_entries_maker_is_not_checker"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_deposit_entries_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_deposit_entries_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_deposit_entries_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_entries")),
        sa.UniqueConstraint("transfer", "kind", name=op.f("uq_deposit_entries_transfer_kind")),
        schema="app",
    )
    op.create_index(
        op.f("ix_deposit_entries_contract_id"),
        "deposit_entries",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        op.f("ix_deposit_entries_shop_id"),
        "deposit_entries",
        ["shop_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "renewal_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "OPEN",
                "OFFERED",
                "REFUSED",
                "WITHDRAWN",
                name="renewalstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="OPEN",
            nullable=False,
        ),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("answered_by", sa.Text(), server_default="", nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("months BETWEEN 1 AND 240", name=op.f("ck_renewal_requests_months")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_renewal_requests_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_renewal_requests_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_renewal_requests_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal_requests")),
        schema="app",
    )
    op.create_index(
        op.f("ix_renewal_requests_contract_id"),
        "renewal_requests",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        op.f("ix_renewal_requests_shop_id"),
        "renewal_requests",
        ["shop_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "uq_renewal_requests_open",
        "renewal_requests",
        ["contract_id"],
        unique=True,
        schema="app",
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.create_table(
        "contract_papers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("contract_number", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "SEALED",
                "SIGNED",
                "VOID",
                name="paperstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("verify_code", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_object_key", sa.Text(), nullable=True),
        sa.Column("signed_sha256", sa.Text(), nullable=True),
        sa.Column("signed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["app.contract_changes.id"], name=op.f("fk_contract_papers_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_papers_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_contract_papers_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_contract_papers_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_papers")),
        sa.UniqueConstraint("verify_code", name=op.f("uq_contract_papers_verify_code")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contract_papers_shop_id"),
        "contract_papers",
        ["shop_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "uq_contract_papers_live",
        "contract_papers",
        ["contract_id", "version", sa.literal_column("coalesce(change_id, 0)")],
        unique=True,
        schema="app",
        postgresql_where=sa.text("state <> 'VOID'"),
    )
    op.create_table(
        "contract_signatures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("paper_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "party",
            sa.Enum(
                "LANDLORD",
                "TENANT",
                name="party",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "SIGNED",
                "VOID",
                name="signaturestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "method",
            sa.Enum(
                "SEAL",
                "PASSWORD_AND_CODE",
                name="signingmethod",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("signer", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.Column("certificate_sha256", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["app.contract_papers.id"], name=op.f("fk_contract_signatures_paper_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app.users.id"],
            name=op.f("fk_contract_signatures_user_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_signatures")),
        sa.UniqueConstraint(
            "paper_id", "party", name=op.f("uq_contract_signatures_paper_id_party")
        ),
        schema="app",
    )
    op.add_column(
        "contracts",
        sa.Column("officer", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column("contracts", sa.Column("recompute_from", sa.Date(), nullable=True), schema="app")
    op.create_index(
        "ix_contracts_mall_state_end",
        "contracts",
        ["mall_id", "state", "end_date"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "ix_contracts_number_trgm",
        "contracts",
        ["number"],
        unique=False,
        schema="app",
        postgresql_using="gin",
        postgresql_ops={"number": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_contracts_predecessor_id", "contracts", ["predecessor_id"], unique=False, schema="app"
    )
    op.execute("CREATE INDEX ix_shops_name_trgm ON app.shops USING gin (name gin_trgm_ops)")
    for table, (conditions, privileges) in TABLES.items():
        for statement in (*protect_rows(table, **conditions), *allow(table, privileges)):
            op.execute(statement)
    for table, facts in CAPTURED.items():
        for statement in capture_rows(table, **facts):
            op.execute(statement)
    for table, (name, what) in SHOP_POLICIES.items():
        op.execute(f"CREATE POLICY {name} ON {table} {what.format(shop=SHOP)}")
    op.execute(DRAFT_UNITS)
    op.execute(f"GRANT DELETE ON app.contract_units TO {OP}")
    op.execute(f"GRANT UPDATE (is_held, period) ON app.contract_units TO {MG}")
    op.execute(f"GRANT UPDATE (state, end_date, version, recompute_from) ON app.contracts TO {MG}")
    op.execute(f"GRANT UPDATE (state) ON app.contracts TO {SHOP}")
    op.execute(f"GRANT UPDATE (is_held) ON app.contract_units TO {SHOP}")
    op.execute(
        "GRANT SELECT (id, contract_id, event, from_state, to_state, occurred_at), INSERT"
        f" ON app.contract_events TO {SHOP}"
    )
    for statement in (APPLY_AMENDMENT, FIND_PAPER, BALANCE_TRANSFERS, TRANSFER_TRIGGER):
        op.execute(statement)
    for function, group in FUNCTIONS.items():
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        if group:
            op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {group}")


def downgrade() -> None:
    op.drop_table("signing_codes", schema="app")
    for function in ("apply_amendment(bigint, timestamptz)", "find_contract_paper(text)"):
        op.execute(f"DROP FUNCTION app.{function}")
    op.execute(f"REVOKE ALL ON app.contract_events FROM {SHOP}")
    op.execute(f"REVOKE UPDATE ON app.contract_units, app.contracts FROM {SHOP}")
    op.execute(f"REVOKE UPDATE (state) ON app.contracts FROM {SHOP}")
    op.execute(f"REVOKE UPDATE (is_held) ON app.contract_units FROM {SHOP}")
    op.execute(f"REVOKE UPDATE (end_date, version, recompute_from) ON app.contracts FROM {MG}")
    op.execute(f"REVOKE UPDATE (period) ON app.contract_units FROM {MG}")
    op.execute(f"REVOKE DELETE ON app.contract_units FROM {OP}")
    for table in ("app.contracts", "app.contract_units", "app.contract_events"):
        op.execute(f"DROP POLICY {SHOP_POLICIES[table][0]} ON {table}")
    op.execute("DROP POLICY held_stay ON app.contract_units")
    for table in (
        "contract_signatures", "contract_papers", "renewal_requests", "deposit_entries",
        "contract_changes", "contract_versions", "unit_change_parts", "unit_changes",
    ):  # fmt: skip
        op.drop_table(table, schema="app")
    op.execute("DROP FUNCTION app.balance_deposit_transfers()")
    for index, table in (
        ("ix_shops_name_trgm", "shops"),
        ("ix_contracts_predecessor_id", "contracts"),
        ("ix_contracts_number_trgm", "contracts"),
        ("ix_contracts_mall_state_end", "contracts"),
    ):
        op.drop_index(index, table, schema="app")
    for column in ("recompute_from", "officer"):
        op.drop_column("contracts", column, schema="app")
