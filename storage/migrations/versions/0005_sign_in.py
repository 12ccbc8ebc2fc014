"""sign-in: sessions, failed tries, links by mail, second factors, letters about accounts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ENDS = (
    "SIGNED_OUT", "IDLE", "TOO_OLD", "ENDED_BY_PERSON", "PASSWORD_CHANGED",
    "SECOND_FACTOR_CHANGED", "ACCOUNT_CHANGED",
)  # fmt: skip
PURPOSES = ("INVITATION", "PASSWORD_RESET")

# What a password may not be made of. The sign-in door reads no malls and no shops; it learns
# these names of one person at a time.
WORDS_ABOUT_USER = """
CREATE FUNCTION app.words_about_user(user_id bigint) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(word) FROM (
        SELECT name AS word FROM app.users WHERE id = $1
        UNION ALL SELECT email FROM app.users WHERE id = $1
        UNION ALL SELECT name FROM app.malls
            WHERE id IN (SELECT mall_id FROM app.user_malls um WHERE um.user_id = $1)
        UNION ALL SELECT name FROM app.shops
            WHERE id IN (SELECT shop_id FROM app.user_shops us WHERE us.user_id = $1)
    ) words WHERE word <> ''
$$
"""


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def of_user(table: str, *, nullable: bool = False) -> tuple[sa.Column[object], sa.Constraint]:
    return (
        sa.Column("user_id", sa.BigInteger(), nullable=nullable),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app.users.id"],
            name=op.f(f"fk_{table}_user_id"),
            ondelete="CASCADE",
        ),
    )


def identity(table: str) -> tuple[sa.Column[object], sa.Constraint]:
    return (
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def one_of(name: str, values: tuple[str, ...], check: str, *, nullable: bool) -> sa.Column[object]:
    kind = sa.Enum(*values, name=check, native_enum=False, create_constraint=True, length=40)
    return sa.Column(name, kind, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "user_sessions",
        *identity("user_sessions"),
        *of_user("user_sessions"),
        sa.Column("token_sha256", postgresql.BYTEA(), nullable=False),
        moment("started_at"),
        moment("last_seen_at"),
        moment("fresh_at"),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        moment("ended_at", nullable=True),
        one_of("end_reason", ENDS, "sessionend", nullable=True),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_user_sessions_token_sha256")),
        schema="app",
    )
    op.create_index(
        "ix_user_sessions_user_id", "user_sessions", ["user_id", "ended_at"], schema="app"
    )
    op.create_table(
        "sign_in_attempts",
        *identity("sign_in_attempts"),
        sa.Column("email_sha256", postgresql.BYTEA(), nullable=False),
        *of_user("sign_in_attempts", nullable=True),
        moment("attempted_at"),
        sa.Column("address", sa.Text(), nullable=False),
        schema="app",
    )
    op.create_index(
        "ix_sign_in_attempts_user_id",
        "sign_in_attempts",
        ["user_id", "attempted_at"],
        schema="app",
    )
    op.create_index(
        op.f("ix_sign_in_attempts_attempted_at"),
        "sign_in_attempts",
        ["attempted_at"],
        schema="app",
    )
    op.create_table(
        "account_tokens",
        *identity("account_tokens"),
        *of_user("account_tokens"),
        one_of("purpose", PURPOSES, "tokenpurpose", nullable=False),
        sa.Column("token_sha256", postgresql.BYTEA(), nullable=False),
        moment("created_at"),
        moment("expires_at"),
        moment("used_at", nullable=True),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_account_tokens_token_sha256")),
        schema="app",
    )
    op.create_index(
        "ix_account_tokens_user_id", "account_tokens", ["user_id", "purpose"], schema="app"
    )
    op.create_table(
        "second_factors",
        *of_user("second_factors"),
        sa.Column("totp_key", sa.Text(), nullable=False),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        moment("enrolled_at"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
        schema="app",
    )
    op.create_table(
        "recovery_codes",
        *of_user("recovery_codes"),
        sa.Column("digest", postgresql.BYTEA(), nullable=False),
        moment("used_at", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "digest", name=op.f("pk_recovery_codes")),
        schema="app",
    )
    op.add_column("users", moment("locked_until", nullable=True), schema="app")
    op.add_column(
        "users",
        sa.Column("lockouts", sa.Integer(), server_default="0", nullable=False),
        schema="app",
    )
    op.alter_column("notifications", "mall_id", nullable=True, schema="app")
    column, _key = of_user("notifications", nullable=True)
    op.add_column("notifications", column, schema="app")
    op.create_foreign_key(
        op.f("fk_notifications_user_id"),
        "notifications",
        "users",
        ["user_id"],
        ["id"],
        source_schema="app",
        referent_schema="app",
        ondelete="CASCADE",
    )
    op.create_index(op.f("ix_notifications_user_id"), "notifications", ["user_id"], schema="app")
    op.add_column("notifications", moment("expires_at", nullable=True), schema="app")
    op.create_check_constraint(
        op.f("ck_notifications_owner"),
        "notifications",
        "mall_id IS NOT NULL OR user_id IS NOT NULL",
        schema="app",
    )
    op.execute(WORDS_ABOUT_USER)
    op.execute("REVOKE ALL ON FUNCTION app.words_about_user(bigint) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION app.words_about_user(bigint)")
    # What the old schema has no place for goes: letters that belong to no mall.
    op.execute("DELETE FROM app.notifications WHERE mall_id IS NULL")
    op.drop_constraint(op.f("ck_notifications_owner"), "notifications", schema="app")
    op.drop_column("notifications", "expires_at", schema="app")
    op.drop_column("notifications", "user_id", schema="app")
    op.alter_column("notifications", "mall_id", nullable=False, schema="app")
    op.drop_column("users", "lockouts", schema="app")
    op.drop_column("users", "locked_until", schema="app")
    for table in (
        "recovery_codes", "second_factors", "account_tokens", "sign_in_attempts", "user_sessions",
    ):  # fmt: skip
        op.drop_table(table, schema="app")
