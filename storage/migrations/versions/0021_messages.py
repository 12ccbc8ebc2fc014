"""messages: an outbox of what is to be told, its deliveries, own words and preferences"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.audit_capture import capture_rows
from storage.roles import STAFF, Group
from storage.row_security import allow, by_mall, by_shop, protect_rows

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SA, MG, OP, FI = STAFF
SHOP, DOOR, PIPELINES = Group.SHOP, Group.DOOR, Group.PIPELINES
READ = "SELECT"
ADD = "SELECT, INSERT"
EDIT = "SELECT, INSERT, UPDATE, DELETE"
TABLES = {
    "app.outbox_messages": (
        {"staff": by_mall()},
        {SA: ADD, MG: ADD, OP: ADD, FI: ADD, SHOP: "INSERT", PIPELINES: "SELECT, INSERT, UPDATE"},
    ),
    "app.message_templates": (
        {"staff": by_mall()},
        {SA: EDIT, OP: EDIT, MG: READ, FI: READ, PIPELINES: READ},
    ),
    "app.message_preferences": (
        {"door": "true"},
        {DOOR: "SELECT, INSERT, DELETE", PIPELINES: READ},
    ),
}
CAPTURED = {
    "message_templates": {},
    "message_preferences": {
        "subject": "users", "subject_column": "user_id", "part_column": "channel"
    },
}  # fmt: skip
# A shop's deed is told to the mall's people; the shop itself reads its inbox alone.
SHOP_ADDS = (
    f"CREATE POLICY shop_adds ON app.outbox_messages FOR INSERT TO {SHOP} WITH CHECK ({by_shop()})"
)
# Everything but the text that opens an account or confirms a signature.
FACTS = (
    "id, message_id, mall_id, user_id, shop_id, bill_id, contract_id, channel, recipient, locale,"
    " template, parameters, subject, body, dedupe_key, state, attempts, error, provider,"
    " provider_id, send_after, expires_at, sent_at, delivered_at, read_at, created_at"
)
STATES = "'PENDING', 'SENT', {}'FAILED', 'CANCELLED'"
WAKE = """
CREATE FUNCTION app.wake_messenger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('atrium_outbox', TG_TABLE_NAME);
    RETURN NULL;
END
$$
"""
# A provider tells what became of a message that it took; it knows the name it was given, and
# nothing else of the house.
NOTE_REPORT = """
CREATE FUNCTION app.note_delivery_report(provider_id text, state text, reason text, at timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 = '' OR $2 NOT IN ('DELIVERED', 'FAILED') THEN
        RETURN false;
    END IF;
    UPDATE app.notifications n SET state = $2, error = $3, secret_body = '',
        delivered_at = CASE $2 WHEN 'DELIVERED' THEN $4 END,
        sent_at = coalesce(n.sent_at, $4)
    WHERE n.provider_id = $1 AND n.state IN ('PENDING', 'SENT');
    RETURN FOUND;
END
$$
"""
REPORT = "app.note_delivery_report(text, text, text, timestamptz)"
HIDE = """
UPDATE app.notifications SET secret_body = body, body = ''
WHERE template IN ('ACCOUNT_INVITATION', 'PASSWORD_RESET')
"""
SHOW = """
UPDATE app.notifications SET body = secret_body
WHERE template IN ('ACCOUNT_INVITATION', 'PASSWORD_RESET')
"""


def states(extra: str = "") -> None:
    op.execute("ALTER TABLE app.notifications DROP CONSTRAINT ck_notifications_deliverystate")
    op.execute(
        "ALTER TABLE app.notifications ADD CONSTRAINT ck_notifications_deliverystate"
        f" CHECK (state IN ({STATES.format(extra)}))"
    )


def upgrade() -> None:
    op.create_table(
        "message_preferences",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "topic",
            sa.Enum(
                "LEASING",
                "BILLING",
                "ACCOUNT",
                name="topic",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum(
                "IN_APP",
                "SMS",
                "EMAIL",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app.users.id"],
            name=op.f("fk_message_preferences_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "topic", "channel", name=op.f("pk_message_preferences")),
        schema="app",
    )
    op.create_table(
        "message_templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_message_templates_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_templates")),
        sa.UniqueConstraint(
            "mall_id",
            "template",
            "locale",
            name=op.f("uq_message_templates_mall_id_template_locale"),
        ),
        schema="app",
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("contract_id", sa.BigInteger(), nullable=True),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "audience",
            sa.Enum(
                "SHOP",
                "OFFICER",
                "ROLE",
                "PERSON",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "role",
            sa.Enum(
                "SUPER_ADMIN",
                "MANAGEMENT",
                "OPERATION",
                "FINANCE",
                "SHOP",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("send_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("addressed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(audience = 'PERSON') = (user_id IS NOT NULL)",
            name=op.f("ck_outbox_messages_person_is_named"),
        ),
        sa.CheckConstraint(
            "(audience = 'ROLE') = (role IS NOT NULL)",
            name=op.f("ck_outbox_messages_role_is_named"),
        ),
        sa.CheckConstraint(
            "audience <> 'OFFICER' OR contract_id IS NOT NULL",
            name=op.f("ck_outbox_messages_contract_is_named"),
        ),
        sa.CheckConstraint(
            "audience <> 'SHOP' OR shop_id IS NOT NULL",
            name=op.f("ck_outbox_messages_shop_is_named"),
        ),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["app.bills.id"], name=op.f("fk_outbox_messages_bill_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_outbox_messages_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_outbox_messages_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_outbox_messages_shop_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app.users.id"],
            name=op.f("fk_outbox_messages_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
        sa.UniqueConstraint(
            "mall_id", "dedupe_key", name=op.f("uq_outbox_messages_mall_id_dedupe_key")
        ),
        schema="app",
    )
    op.create_index(
        op.f("ix_outbox_messages_bill_id"),
        "outbox_messages",
        ["bill_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        op.f("ix_outbox_messages_contract_id"),
        "outbox_messages",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "ix_outbox_messages_mall_id",
        "outbox_messages",
        ["mall_id", "id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "ix_outbox_messages_waiting",
        "outbox_messages",
        ["send_after"],
        unique=False,
        schema="app",
        postgresql_where=sa.text("addressed_at IS NULL"),
    )
    op.add_column(
        "notifications", sa.Column("message_id", sa.BigInteger(), nullable=True), schema="app"
    )
    op.add_column(
        "notifications", sa.Column("contract_id", sa.BigInteger(), nullable=True), schema="app"
    )
    op.add_column(
        "notifications",
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "notifications",
        sa.Column("secret_body", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "notifications",
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "notifications",
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "notifications",
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        schema="app",
    )
    op.create_index(
        op.f("ix_notifications_message_id"),
        "notifications",
        ["message_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        "ix_notifications_provider_id",
        "notifications",
        ["provider_id"],
        unique=False,
        schema="app",
        postgresql_where=sa.text("provider_id <> ''"),
    )
    op.create_index(
        "ix_notifications_waiting",
        "notifications",
        ["send_after"],
        unique=False,
        schema="app",
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(
        "ix_notifications_mall_id", "notifications", ["mall_id", "id"], unique=False, schema="app"
    )
    op.create_index(
        "ix_notifications_failed",
        "notifications",
        ["mall_id", "id"],
        unique=False,
        schema="app",
        postgresql_where=sa.text("state = 'FAILED'"),
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id"],
        unique=False,
        schema="app",
        postgresql_where=sa.text("channel = 'IN_APP' AND read_at IS NULL"),
    )
    op.create_foreign_key(
        op.f("fk_notifications_contract_id"),
        "notifications",
        "contracts",
        ["contract_id"],
        ["id"],
        source_schema="app",
        referent_schema="app",
    )
    op.create_foreign_key(
        op.f("fk_notifications_message_id"),
        "notifications",
        "outbox_messages",
        ["message_id"],
        ["id"],
        source_schema="app",
        referent_schema="app",
    )
    op.add_column(
        "users", sa.Column("phone", sa.Text(), server_default="", nullable=False), schema="app"
    )
    states("'DELIVERED', ")
    op.execute(HIDE)
    for table, (conditions, privileges) in TABLES.items():
        for statement in (*protect_rows(table, **conditions), *allow(table, privileges)):
            op.execute(statement)
    op.execute(SHOP_ADDS)
    for table, facts in CAPTURED.items():
        for statement in capture_rows(table, **facts):
            op.execute(statement)
    for group in STAFF:
        op.execute(f"GRANT SELECT ({FACTS}), UPDATE (read_at) ON app.notifications TO {group}")
    for group in (SA, OP):
        op.execute(
            f"GRANT UPDATE (state, attempts, error, send_after) ON app.notifications TO {group}"
        )
    op.execute(f"GRANT SELECT (subject, provider, provider_id) ON app.notifications TO {DOOR}")
    op.execute(f"GRANT SELECT (phone) ON app.users TO {PIPELINES}")
    op.execute(NOTE_REPORT)
    op.execute(f"REVOKE ALL ON FUNCTION {REPORT} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {REPORT} TO {Group.INGEST}")
    op.execute(WAKE)
    for table in ("outbox_messages", "notifications"):
        op.execute(
            f"CREATE TRIGGER wake_messenger AFTER INSERT ON app.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION app.wake_messenger()"
        )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {REPORT}")
    op.execute("DROP TRIGGER wake_messenger ON app.notifications")
    op.execute(f"REVOKE ALL ON app.notifications FROM {', '.join(STAFF)}")
    # What 0010 gave.
    op.execute(
        "GRANT INSERT, SELECT (id, parameters, state, attempts, error, created_at)"
        f" ON app.notifications TO {SA}"
    )
    op.execute(SHOW)
    op.execute("UPDATE app.notifications SET state = 'SENT' WHERE state = 'DELIVERED'")
    states()
    op.drop_column("users", "phone", schema="app")
    for index in (
        "ix_notifications_waiting",
        "ix_notifications_provider_id",
        "ix_notifications_mall_id",
        "ix_notifications_failed",
        "ix_notifications_unread",
    ):
        op.drop_index(index, "notifications", schema="app")
    for column in (
        "message_id", "contract_id", "subject", "secret_body", "provider", "provider_id",
        "delivered_at",
    ):  # fmt: skip
        op.drop_column("notifications", column, schema="app")
    for table in ("message_preferences", "message_templates", "outbox_messages"):
        op.drop_table(table, schema="app")
    op.execute("DROP FUNCTION app.wake_messenger()")
