"""audit events"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A netstring: its length in bytes, a colon, the text, a comma. Null is no text at all.
NETSTRING = """
CREATE FUNCTION audit.netstring(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(octet_length(value) || ':' || value || ',', '-,')
"""

MOMENT = """
CREATE FUNCTION audit.moment(value timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""

# What is hashed of an event beside its place in the chain.
BODY = """
CREATE FUNCTION audit.body(e audit.pending) RETURNS text LANGUAGE sql STABLE
RETURN audit.netstring(audit.moment((e).occurred_at))
    || audit.netstring((e).mall_id::text)
    || audit.netstring((e).actor_kind)
    || audit.netstring((e).actor_id::text)
    || audit.netstring((e).actor_name)
    || audit.netstring((e).actor_role)
    || audit.netstring((e).address)
    || audit.netstring((e).agent)
    || audit.netstring((e).request_id)
    || audit.netstring((e).login)
    || audit.netstring((e).action)
    || audit.netstring((e).subject_type)
    || audit.netstring((e).subject_id)
    || audit.netstring((e).part)
    || audit.netstring((e).before::text)
    || audit.netstring((e).after::text)
    || audit.netstring((e).note)
"""

# Runs at commit. The head's row is locked from here to the end of the commit, so that seq has
# neither gap nor double whatever is rolled back, and a transaction holds nobody up before that.
# The first of a transaction's events seals them all: others' are not visible before they commit,
# and are gone after. The text that is hashed is the one of domain.audit.canonical_text.
SEAL = """
CREATE FUNCTION audit.seal() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last audit.head;
    event record;
    sealed_at timestamptz;
    previous text;
BEGIN
    PERFORM FROM audit.pending WHERE id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO STRICT last FROM audit.head FOR UPDATE;
    sealed_at := clock_timestamp();
    FOR event IN
        SELECT (p).*, audit.body(p) AS body FROM audit.pending p ORDER BY (p).id
    LOOP
        previous := last.hash;
        last.seq := last.seq + 1;
        last.hash := encode(sha256(convert_to(
            audit.netstring('atrium-audit-1') || audit.netstring(previous)
            || audit.netstring(last.seq::text) || audit.netstring(audit.moment(sealed_at))
            || event.body, 'UTF8')), 'hex');
        INSERT INTO audit.events (
            seq, recorded_at, previous_hash, hash, occurred_at, mall_id, actor_kind, actor_id,
            actor_name, actor_role, address, agent, request_id, login, action, subject_type,
            subject_id, part, before, after, note)
        VALUES (
            last.seq, sealed_at, previous, last.hash, event.occurred_at, event.mall_id,
            event.actor_kind, event.actor_id, event.actor_name, event.actor_role, event.address,
            event.agent, event.request_id, event.login, event.action, event.subject_type,
            event.subject_id, event.part, event.before, event.after, event.note);
    END LOOP;
    UPDATE audit.head SET seq = last.seq, hash = last.hash;
    DELETE FROM audit.pending;
    RETURN NULL;
END
$$
"""

REFUSE = """
CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'audit.events is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# The functions below that are no SECURITY DEFINER are called by those that are.
# Who acts: the transaction's signed context. Where it names nobody (a stranger at the sign-in
# page) or there is none, the caller's word counts, else the connection. `login` tells which.
ACTING = """
CREATE FUNCTION audit.acting(given jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    known jsonb;
BEGIN
    IF coalesce(current_setting('atrium.context', true), '') <> '' THEN
        known := app.context_actor();
        IF given IS NULL OR known ->> 'kind' <> 'ANONYMOUS' THEN
            RETURN known;
        END IF;
        RETURN known || (SELECT jsonb_object_agg(key, value) FROM jsonb_each(given)
                         WHERE value NOT IN ('null', '""'));
    END IF;
    RETURN coalesce(given, jsonb_build_object('kind', 'SYSTEM', 'name',
        coalesce(nullif(current_setting('application_name', true), ''), session_user)));
END
$$
"""

ENQUEUE = """
CREATE FUNCTION audit.enqueue(
    occurred_at timestamptz, action text, mall_id bigint, subject_type text, subject_id text,
    part text, before jsonb, after jsonb, note text, actor jsonb
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO audit.pending (
        occurred_at, mall_id, actor_kind, actor_id, actor_name, actor_role, address, agent,
        request_id, login, action, subject_type, subject_id, part, before, after, note)
    SELECT $1, $3, acting ->> 'kind', (acting ->> 'id')::bigint, coalesce(acting ->> 'name', ''),
           coalesce(acting ->> 'role', ''), coalesce(acting ->> 'address', ''),
           coalesce(acting ->> 'agent', ''), coalesce(acting ->> 'request_id', ''),
           session_user, $2, coalesce($4, ''), coalesce($5, ''), coalesce($6, ''), $7, $8,
           coalesce($9, '')
    FROM audit.acting($10) AS acting
$$
"""

# The one door for the programs. What the triggers tell of rows, nobody else can say.
APPEND = """
CREATE FUNCTION audit.append_event(
    occurred_at timestamptz, action text, mall_id bigint, subject_type text, subject_id text,
    before jsonb, after jsonb, note text, actor jsonb DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF action ^@ 'ROW_' THEN
        RAISE EXCEPTION '% is written by the database alone', action
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM audit.enqueue(
        occurred_at, action, mall_id, subject_type, subject_id, '', before, after, note, actor);
END
$$
"""

FUNCTIONS = (
    "audit.append_event(timestamptz, text, bigint, text, text, jsonb, jsonb, text, jsonb)",
    "audit.enqueue(timestamptz, text, bigint, text, text, text, jsonb, jsonb, text, jsonb)",
    "audit.acting(jsonb)",
    "audit.refuse()",
    "audit.seal()",
    "audit.body(audit.pending)",
    "audit.moment(timestamptz)",
    "audit.netstring(text)",
)


def told() -> list[sa.Column[Any]]:
    text = [
        sa.Column(name, sa.Text(), nullable=False)
        for name in ("actor_name", "actor_role", "address", "agent", "request_id", "login")
    ]
    return [
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        *text,
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        *told(),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        schema="audit",
    )
    for name, columns in (
        ("ix_events_mall_id_seq", ["mall_id", "seq"]),
        ("ix_events_subject", ["subject_type", "subject_id", "seq"]),
        ("ix_events_actor_name_seq", ["actor_name", "seq"]),
        ("ix_events_action_seq", ["action", "seq"]),
        ("ix_events_occurred_at", ["occurred_at"]),
        ("ix_events_request_id", ["request_id"]),
        ("ix_events_address_seq", ["address", "seq"]),
    ):
        op.create_index(name, "events", columns, schema="audit")
    op.create_table(
        "pending",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *told(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending")),
        schema="audit",
    )
    op.create_table(
        "head",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_head_one_row")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_head")),
        schema="audit",
    )
    op.execute("INSERT INTO audit.head (seq, hash) VALUES (0, repeat('0', 64))")
    op.execute("ALTER TABLE audit.pending ADD CHECK (isfinite(occurred_at))")
    for function in (NETSTRING, MOMENT, BODY, SEAL, REFUSE, ACTING, ENQUEUE, APPEND):
        op.execute(function)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(
        "CREATE CONSTRAINT TRIGGER seal AFTER INSERT ON audit.pending "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.seal()"
    )
    op.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()"
    )


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_table("pending", schema="audit")
    op.drop_table("head", schema="audit")
    op.drop_table("events", schema="audit")
