"""row security: which rows each role reaches, and what it may do with them

What stands here is the second wall for every table up to this revision; tables of later ones say
it in their own migrations (storage/row_security.py).
"""

from collections.abc import Mapping

from alembic import op

from storage.roles import STAFF, Group
from storage.row_security import (
    allow,
    by_mall,
    by_parent,
    by_shop,
    disallow,
    protect_rows,
    unprotect_rows,
)

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SA, MG, OP, FI = STAFF
SHOP, DOOR, INGEST, PIPELINES = Group.SHOP, Group.DOOR, Group.INGEST, Group.PIPELINES

EVERYTHING = "(SELECT app.scope_is_everything())"
# A device's key is always of one mall.
ONE_MALL = "{} = ANY ((SELECT app.scope_malls())::bigint[])"
READ = "SELECT"
ADD = "SELECT, INSERT"
EDIT = "SELECT, INSERT, UPDATE"
DESKS = {SA: READ, MG: READ, OP: READ, FI: READ}
MONEY = {SA: READ, MG: READ, FI: READ}
DATA = {SA: READ, MG: READ, OP: READ}

SHOWN_BILL = (
    f"{by_shop()} AND issued_at IS NOT NULL "
    "AND state IN ('ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID')"
)
SHOWN_CONTRACT = (
    f"{by_shop()} AND state IN "
    "('SENT', 'DECLINED', 'SIGNED', 'ACTIVE', 'EXPIRED', 'TERMINATED', 'RENEWED')"
)
# A letter about an account is no mall's; nobody reads one here but who sends it.
LETTER = "mall_id IS NULL AND user_id IS NOT NULL"

# table: (conditions of protect_rows, privileges)
Table = tuple[Mapping[str, str], Mapping[Group, str]]
TABLES: dict[str, Table] = {
    # what is let
    "app.malls": (
        {
            "staff": by_mall("id"),
            "shop": by_parent("app.shops", "malls.id", key="mall_id"),
            "ingest": ONE_MALL.format("id"),
        },
        {**DESKS, SA: "SELECT, UPDATE", SHOP: READ, INGEST: READ, PIPELINES: READ},
    ),
    "app.units": (
        {
            "staff": by_mall(),
            "shop": by_parent("app.contract_units", "units.id", key="unit_id"),
        },
        {**DESKS, SA: EDIT, OP: EDIT, SHOP: READ, PIPELINES: READ},
    ),
    "app.shops": (
        {"staff": by_mall(), "shop": by_shop("id"), "ingest": ONE_MALL.format("mall_id")},
        {
            **DESKS,
            SA: EDIT,
            OP: EDIT,
            SHOP: READ,
            INGEST: "SELECT (id, mall_id, code)",
            PIPELINES: READ,
        },
    ),
    "app.contracts": (
        {"staff": by_mall(), "shop": SHOWN_CONTRACT},
        {
            **DESKS,
            MG: "SELECT, UPDATE (state)",
            OP: EDIT,
            SHOP: READ,
            PIPELINES: "SELECT, UPDATE (state)",
        },
    ),
    "app.contract_clauses": (
        {
            "staff": by_parent("app.contracts", "contract_id"),
            "shop": by_parent("app.contracts", "contract_id"),
        },
        {**DESKS, OP: "SELECT, INSERT, UPDATE (superseded_at)", SHOP: READ, PIPELINES: READ},
    ),
    "app.contract_units": (
        {
            "staff": by_parent("app.contracts", "contract_id"),
            "shop": by_parent("app.contracts", "contract_id"),
        },
        {
            **DESKS,
            MG: "SELECT, UPDATE (is_held)",
            OP: EDIT,
            SHOP: READ,
            PIPELINES: "SELECT, UPDATE (is_held)",
        },
    ),
    "app.contract_events": (
        {"staff": by_parent("app.contracts", "contract_id")},
        {**DESKS, MG: ADD, OP: ADD, PIPELINES: ADD},
    ),
    # money
    "app.tariffs": ({"staff": by_mall()}, {**DESKS, PIPELINES: READ}),
    "app.bill_runs": ({"staff": by_mall()}, {**MONEY, PIPELINES: "SELECT, INSERT, UPDATE, DELETE"}),
    "app.bills": (
        {"staff": by_mall(), "shop": SHOWN_BILL},
        {**MONEY, FI: "SELECT, UPDATE (state)", SHOP: READ, PIPELINES: EDIT},
    ),
    "app.bill_lines": (
        {
            "staff": by_parent("app.bills", "bill_id"),
            "shop": by_parent("app.bills", "bill_id"),
        },
        {**MONEY, SHOP: READ, PIPELINES: ADD},
    ),
    "app.bill_events": (
        {"staff": by_parent("app.bills", "bill_id")},
        {**MONEY, FI: ADD, PIPELINES: ADD},
    ),
    "app.billing_gates": (
        {"staff": by_mall()},
        {
            **MONEY,
            FI: "SELECT, UPDATE (overridden_by, override_reason, overridden_at)",
            PIPELINES: "SELECT, INSERT, UPDATE, DELETE",
        },
    ),
    "app.payments": (
        {"staff": by_mall(), "shop": by_shop()},
        {
            **MONEY,
            FI: "SELECT, INSERT, UPDATE (state, confirmed_by, confirmed_at)",
            SHOP: READ,
            PIPELINES: READ,
        },
    ),
    "app.allocations": (
        {
            "staff": by_parent("app.bills", "bill_id"),
            "shop": by_parent("app.payments", "payment_id")
            + " AND "
            + by_parent("app.bills", "bill_id"),
        },
        {**MONEY, FI: ADD, SHOP: READ, PIPELINES: READ},
    ),
    # papers, messages, requests
    "app.documents": (
        {
            "staff": by_mall(),
            "shop": f"{by_shop()} AND (bill_id IS NULL OR {by_parent('app.bills', 'bill_id')})",
        },
        {**MONEY, SHOP: READ, PIPELINES: ADD},
    ),
    "app.report_files": ({"staff": by_mall()}, {**DESKS, PIPELINES: ADD}),
    "app.notifications": (
        {
            "staff": by_mall(),
            "shop": f"{by_shop()} AND channel = 'IN_APP' AND state = 'SENT'",
            "door": LETTER,
        },
        {
            SA: "INSERT, SELECT (id, parameters, state, attempts, error, created_at)",
            SHOP: "SELECT, UPDATE (read_at)",
            DOOR: "INSERT, SELECT (id, parameters, state, attempts, error, created_at)",
            PIPELINES: EDIT,
        },
    ),
    "app.service_requests": (
        {"staff": by_mall(), "shop": by_shop()},
        {**DATA, SA: "SELECT, UPDATE", OP: "SELECT, UPDATE", SHOP: READ, PIPELINES: READ},
    ),
    "app.uploads": (
        {"staff": by_mall(), "shop": by_shop()},
        {
            **DESKS,
            SA: "SELECT, INSERT, UPDATE (deleted_at, deleted_by)",
            OP: "SELECT, INSERT, UPDATE (deleted_at, deleted_by)",
            SHOP: "SELECT, INSERT, UPDATE (deleted_at, deleted_by)",
            PIPELINES: READ,
        },
    ),
    # what measures
    "app.devices": (
        {"staff": by_mall(), "ingest": ONE_MALL.format("mall_id")},
        {
            **DATA,
            SA: EDIT,
            OP: EDIT,
            INGEST: "SELECT (id, mall_id, code, kind, feed_kind, expected_interval_minutes, ratio)",
            PIPELINES: "SELECT, UPDATE (status)",
        },
    ),
    "app.device_installations": (
        {
            "staff": by_parent("app.devices", "device_id"),
            "ingest": by_parent("app.devices", "device_id"),
        },
        {**DATA, SA: EDIT, OP: EDIT, INGEST: READ, PIPELINES: READ},
    ),
    "app.device_keys": ({"staff": by_mall()}, {SA: EDIT, MG: READ, OP: EDIT}),
    "ingest.files": ({"staff": by_mall()}, {**DATA, PIPELINES: EDIT}),
    "ingest.batches": (
        {"staff": by_mall(), "ingest": ONE_MALL.format("mall_id")},
        {**DATA, INGEST: "INSERT, SELECT (id)", PIPELINES: READ},
    ),
    "ingest.quarantine": (
        {"staff": by_mall(), "ingest": ONE_MALL.format("mall_id")},
        {**DATA, INGEST: "INSERT", PIPELINES: EDIT},
    ),
    # The devices of a mall are gathered once in a statement, then looked up for each row.
    "ingest.readings": (
        {
            "staff": by_parent("app.devices", "device_id"),
            "ingest": "device_id IN (SELECT id FROM app.devices)",
        },
        {
            **DATA,
            INGEST: "INSERT, SELECT (device_id, metric, interval_start)",
            PIPELINES: ADD,
        },
    ),
    "ingest.reading_revisions": (
        {"staff": by_parent("app.devices", "device_id")},
        {**DATA, PIPELINES: READ},
    ),
    "ingest.reading_hours": (
        {"staff": by_mall()},
        {**DATA, PIPELINES: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "ingest.touched_dates": (
        {"staff": by_mall()},
        {
            **DATA,
            SA: "SELECT, UPDATE (touched_at, cleaned_at)",
            OP: "SELECT, UPDATE (touched_at, cleaned_at)",
            PIPELINES: EDIT,
        },
    ),
    # people
    "app.users": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: EDIT, DOOR: "SELECT, UPDATE", PIPELINES: "SELECT (id, email, name, locale, active)"},
    ),
    "app.user_roles": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT, INSERT, DELETE", DOOR: READ, PIPELINES: READ},
    ),
    "app.user_malls": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT, INSERT, DELETE", DOOR: READ, PIPELINES: READ},
    ),
    "app.user_shops": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT, INSERT, DELETE", DOOR: READ, PIPELINES: READ},
    ),
    "app.user_sessions": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT, UPDATE (ended_at, end_reason)", DOOR: EDIT},
    ),
    "app.sign_in_attempts": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT, DELETE", DOOR: "SELECT, INSERT, DELETE"},
    ),
    "app.account_tokens": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: EDIT, DOOR: EDIT},
    ),
    "app.second_factors": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT (user_id, enrolled_at), DELETE", DOOR: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "app.recovery_codes": (
        {"staff": EVERYTHING, "door": "true"},
        {SA: "SELECT (user_id, used_at), DELETE", DOOR: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    # what is no one's in particular
    "audit.events": ({"staff": by_mall()}, {SA: READ, MG: READ}),
}

# Without a mall, a shop or a person in them: a grant is all.
OPEN: dict[str, Mapping[Group, str]] = {
    "app.roles": {SA: ADD, DOOR: READ, PIPELINES: READ},
    "app.backups": {SA: READ, PIPELINES: READ, Group.BACKUP: "INSERT, UPDATE"},
    "app.alembic_version": {group: READ for group in Group if group is not Group.OWNER},
}

FUNCTIONS: dict[str, tuple[Group, ...]] = {
    "audit.append_event(timestamptz, text, bigint, text, text, jsonb, jsonb, text, jsonb)": tuple(
        group for group in Group if group is not Group.OWNER
    ),
    "app.find_device_key(text, timestamptz)": (INGEST,),
    "app.note_device_key_used(bigint, timestamptz)": (INGEST,),
    "app.note_traffic(bigint[], timestamptz)": (INGEST, PIPELINES),
    "ingest.note_signed_call(bigint, timestamptz, bigint, bytea, timestamptz)": (INGEST,),
    "ingest.prune_signed_calls(timestamptz)": (PIPELINES,),
    "app.words_about_user(bigint)": (DOOR, SA),
}
SCHEMAS = ("app", "ingest", "audit")


def upgrade() -> None:
    for table, (conditions, privileges) in TABLES.items():
        for statement in (*protect_rows(table, **conditions), *allow(table, privileges)):
            op.execute(statement)
    for table, privileges in OPEN.items():
        for statement in allow(table, privileges):
            op.execute(statement)
    for function, groups in FUNCTIONS.items():
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {', '.join(groups)}")
    # Bills are numbered before they are written.
    op.execute(f"GRANT USAGE ON SEQUENCE app.bills_id_seq TO {PIPELINES}")
    for schema in SCHEMAS:
        op.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {Group.BACKUP}")
        op.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {Group.BACKUP}"
        )


def downgrade() -> None:
    for schema in SCHEMAS:
        op.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {Group.BACKUP}"
        )
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {Group.BACKUP}")
    op.execute(f"REVOKE USAGE ON SEQUENCE app.bills_id_seq FROM {PIPELINES}")
    for function, groups in FUNCTIONS.items():
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM {', '.join(groups)}")
    for table in (*OPEN, *TABLES):
        for statement in disallow(table):
            op.execute(statement)
    # What 0009 gave.
    op.execute(f"GRANT UPDATE (read_at) ON app.notifications TO {SHOP}")
    for table in TABLES:
        for statement in unprotect_rows(table):
            op.execute(statement)
