"""the signed context

Who acts and what that reaches is said once in a transaction, signed (storage/context.py), and
believed only through these functions.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# HMAC-SHA256 of nothing but sha256: the key lies padded and masked, as RFC 2104 has it.
# A transaction may last longer than the context's life: what counts is when it began.
CONTEXT = """
CREATE FUNCTION app.context() RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given text := coalesce(current_setting('atrium.context', true), '');
    body text := substr(given, 66);
    expected text;
    context jsonb;
BEGIN
    IF given = '' THEN
        RAISE EXCEPTION 'the transaction has no context'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT encode(sha256(outer_block || sha256(inner_block || convert_to(body, 'UTF8'))), 'hex')
    INTO expected FROM app.context_keys;
    IF expected IS NULL OR expected || '|' <> left(given, 65) THEN
        RAISE EXCEPTION 'the context of the transaction is not signed by Atrium'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    context := body::jsonb;
    IF (context ->> 'pid')::int <> pg_backend_pid()
        OR (context ->> 'until')::numeric < extract(epoch FROM transaction_timestamp())
        OR context ->> 'role' <> current_setting('role')
    THEN
        RAISE EXCEPTION 'the context was signed for another connection, role or time'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN context;
END
$$
"""

SCOPE = """
CREATE FUNCTION app.scope_{name}() RETURNS bigint[] LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(id::bigint), '{{}}')
    FROM jsonb_array_elements_text(app.context() -> '{name}') AS id
$$
"""

EVERYTHING = """
CREATE FUNCTION app.scope_is_everything() RETURNS boolean LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (app.context() ->> 'everything')::boolean
$$
"""

ACTOR = """
CREATE FUNCTION app.context_actor() RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT app.context() -> 'actor'
$$
"""

FUNCTIONS = (
    "app.context_actor()",
    "app.scope_is_everything()",
    "app.scope_shops()",
    "app.scope_malls()",
    "app.context()",
)
CALLERS = (
    "atrium_door, atrium_super_admin, atrium_management, atrium_operation, atrium_finance, "
    "atrium_shop, atrium_ingest, atrium_pipelines, atrium_backup"
)


def upgrade() -> None:
    op.create_table(
        "context_keys",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("inner_block", postgresql.BYTEA(), nullable=False),
        sa.Column("outer_block", postgresql.BYTEA(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_context_keys_one_row")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_context_keys")),
        schema="app",
    )
    for body in (
        CONTEXT,
        SCOPE.format(name="malls"),
        SCOPE.format(name="shops"),
        EVERYTHING,
        ACTOR,
    ):
        op.execute(body)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        if function != "app.context()":
            op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {CALLERS}")
    for schema in ("app", "ingest", "audit"):
        op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {CALLERS}")


def downgrade() -> None:
    for schema in ("app", "ingest", "audit"):
        op.execute(f"REVOKE USAGE ON SCHEMA {schema} FROM {CALLERS}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("context_keys", schema="app")
