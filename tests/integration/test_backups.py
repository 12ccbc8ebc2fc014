"""Backups of a real server, in a folder and in a real S3 server, proven by restoring them."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import psycopg
import pyrage
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from owed_bills import make_bill, make_shop

from domain.backups import BackupOrigin, BackupState
from services.operations import backups
from services.operations.audit_verification import verify_audit
from services.operations.backups import (
    BackupDamaged,
    BackupError,
    BackupNotFound,
    BackupRefused,
    ChainBroken,
    back_up,
    prove_backup,
)
from storage.backup import fingerprints, keys
from storage.backup.manifest import Manifest, stored_manifests
from storage.backup.scratch import NAME, Scratch, scratch
from storage.database import create_engine, ensure_month_partitions, transaction
from storage.logins import Login, login_url, prepare_logins
from storage.models import Backup, Bill
from storage.objects import FolderStore, ObjectStore
from storage.settings import REPOSITORY, Settings

NOW = datetime(2026, 4, 1, 18, 30, tzinfo=UTC)
READINGS = 2000


@pytest.fixture
def settings(state_dir: Path, database_url: str) -> Iterator[Settings]:
    """State in a folder that the server's user reaches without a copy of its programs."""
    folder = Path(tempfile.mkdtemp(dir=state_dir))
    folder.chmod(0o755)
    settings = Settings(state_dir=folder, database_url=database_url, _env_file=None)
    prepare_logins(settings)
    yield settings
    shutil.rmtree(folder)


@pytest.fixture
def folder_store(settings: Settings) -> FolderStore:
    return FolderStore(settings.state_dir / "objects")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database with rows of many kinds: bills, partitions, arrays, documents."""
    engine = create_engine(database_url)
    with psycopg.connect(database_url) as connection:
        ensure_month_partitions(connection, date(2026, 3, 1), date(2026, 4, 1))
        connection.execute(
            """
            INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value,
                                         quality, received_at, batch_id)
            SELECT n %% 50, 'electricity_register', at, at, n * 1.125, 'GOOD', at, n
            FROM generate_series(1, %s) AS n,
                 LATERAL (SELECT timestamptz '2026-03-01+00' + n * interval '20 minutes') AS t (at)
            """,
            (READINGS,),
        )
    with transaction(engine) as session:
        contract = make_shop(session)
        for month in range(1, 7):
            make_bill(session, contract, month=month, due_date=date(2026, 4, 11), total="10.50")
    yield engine
    engine.dispose()


def run_backup(engine: sa.Engine, settings: Settings, store: ObjectStore, day: int = 0) -> Any:
    return back_up(
        engine,
        settings=settings,
        store=store,
        origin=BackupOrigin.AUTOMATIC,
        now=NOW + timedelta(days=day),
    )


def prove(engine: sa.Engine, settings: Settings, store: ObjectStore, **which: int) -> Any:
    return prove_backup(engine, settings=settings, store=store, now=NOW, **which)


def row(engine: sa.Engine, backup_id: int) -> Backup:
    with transaction(engine) as session:
        return session.get_one(Backup, backup_id)


def test_backup_is_restored_equal(
    engine: sa.Engine, any_settings: Settings, any_store: ObjectStore
) -> None:
    made = run_backup(engine, any_settings, any_store)
    found = row(engine, made.backup_id)
    assert (found.state, found.sequence, found.origin) == (
        BackupState.SUCCESS, 1, BackupOrigin.AUTOMATIC,
    )  # fmt: skip
    assert found.stored_bytes == any_store.stat(made.object_key).bytes
    assert found.stored_bytes < found.plain_bytes == made.plain_bytes
    with any_store.open(made.object_key) as stream:
        assert stream.read(21) == b"age-encryption.org/v1"
    assert [info.key.rpartition("/")[2] for info in any_store.list("backups/")] == [
        "database.tar.zst.age", "manifest.json", "manifest.json.ed25519",
    ]  # fmt: skip

    proof = prove(engine, any_settings, any_store)
    assert (proof.is_equal, proof.differences, proof.moving) == (True, (), ())
    assert (proof.tables, proof.rows) == (made.tables, made.rows)
    assert proof.rows > READINGS
    verified = row(engine, made.backup_id)
    assert (verified.state, verified.verified_at) == (BackupState.VERIFIED, NOW)
    assert verified.proof is not None and verified.proof["tables"] == proof.tables
    left = [path.name for path in (any_settings.state_dir / NAME).iterdir()]
    assert left == []


def test_manifest_keeps_the_audit_s_head_and_the_copy_must_have_it(
    engine: sa.Engine,
    settings: Settings,
    folder_store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE app.malls SET address = 'a street'"))
    run_backup(engine, settings, folder_store)
    (manifest,) = stored_manifests(folder_store, keys.signing_key(settings).public_key())
    assert isinstance(manifest, Manifest) and manifest.audit_head is not None
    with engine.connect() as connection:
        kept = connection.execute(
            sa.text("SELECT hash FROM audit.events WHERE seq = :seq"),
            {"seq": manifest.audit_head.seq},
        ).scalar_one()
    assert manifest.audit_head.hash == kept and manifest.audit_head.seq > 0
    verification = verify_audit(engine, settings=settings, store=folder_store, now=NOW)
    assert verification.is_intact and verification.witnesses == 1
    monkeypatch.setattr(fingerprints.Snapshot, "audit_hash", lambda self, seq: "0" * 64)
    proof = prove(engine, settings, folder_store)
    assert not proof.is_equal and f"event {manifest.audit_head.seq} " in proof.differences[0]


def test_nightly_backup_verifies_the_audit(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore, database_url: str
) -> None:
    import dagster as dg

    from pipelines.assets.backup import database_backup
    from pipelines.resources import Database, FixedClock

    def check(day: int) -> dg.AssetCheckEvaluation:
        result = dg.materialize(
            [database_backup],
            partition_key="2026-03-31",
            resources={
                "settings": settings,
                "database": Database(database_url, engine),
                "store": folder_store,
                "clock": FixedClock(NOW + timedelta(days=day)),
            },
        )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    assert check(0).passed
    with engine.begin() as connection:
        connection.execute(sa.text("SET session_replication_role = replica"))
        connection.execute(sa.text("UPDATE audit.events SET note = 'x' WHERE seq = 1"))
    told = check(1)
    assert not told.passed
    assert told.description is not None and "event 1 was changed" in told.description


def test_secrets_are_private(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    run_backup(engine, settings, folder_store)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.secrets_dir.iterdir()
    }
    assert {keys.IDENTITY: 0o600, keys.SIGNING_KEY: 0o600}.items() <= modes.items()
    assert set(modes.values()) == {0o600}
    text = b"".join(path.read_bytes() for path in folder_store.root.rglob("*") if path.is_file())
    assert (settings.secrets_dir / keys.IDENTITY).read_bytes().strip() not in text


def flip(store: FolderStore, first: str, second: str) -> None:
    data = bytearray(store.get(second))
    data[len(data) // 2] ^= 1
    store.put(second, bytes(data))


def truncate(store: FolderStore, first: str, second: str) -> None:
    store.put(second, store.get(second)[:-1])


def append(store: FolderStore, first: str, second: str) -> None:
    store.put(second, store.get(second) + b"\0")


def swap(store: FolderStore, first: str, second: str) -> None:
    store.put(second, store.get(first))


def lose(store: FolderStore, first: str, second: str) -> None:
    store.delete(second)


def manifest_of(key: str) -> str:
    return key.rpartition("/")[0] + "/manifest.json"


def forge(store: FolderStore, first: str, second: str) -> None:
    """Everything as the attacker wants it, signed with the attacker's key."""
    data = store.get(manifest_of(second)).replace(b'"rows"', b'"rows" ')
    store.put(manifest_of(second), data)
    signature = Ed25519PrivateKey.generate().sign(data).hex().encode()
    store.put(manifest_of(second) + ".ed25519", signature)


def replay(store: FolderStore, first: str, second: str) -> None:
    """The whole of an older backup, properly signed, in the place of the newer."""
    store.put(second, store.get(first))
    for suffix in ("", ".ed25519"):
        store.put(manifest_of(second) + suffix, store.get(manifest_of(first) + suffix))


def unsign(store: FolderStore, first: str, second: str) -> None:
    store.delete(manifest_of(second) + ".ed25519")


def lose_manifest(store: FolderStore, first: str, second: str) -> None:
    store.delete(manifest_of(second))


DAMAGES = [flip, truncate, append, swap, lose, forge, replay, unsign, lose_manifest]


def test_damaged_backup_is_refused_before_anything_is_started(
    engine: sa.Engine,
    settings: Settings,
    folder_store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = run_backup(engine, settings, folder_store)
    second = run_backup(engine, settings, folder_store, day=1)
    kept = settings.state_dir / "kept"
    shutil.copytree(folder_store.root, kept)

    def never(*_: object) -> None:
        raise AssertionError("a damaged backup was unpacked or started")

    monkeypatch.setattr(Scratch, "unpack", never)
    monkeypatch.setattr(Scratch, "running", never)
    for damage in DAMAGES:
        damage(folder_store, first.object_key, second.object_key)
        with pytest.raises(BackupDamaged):
            prove(engine, settings, folder_store, backup_id=second.backup_id)
        found = row(engine, second.backup_id)
        assert found.state is BackupState.FAILED, damage.__name__
        assert second.object_key.rpartition("/")[0] in found.error, damage.__name__
        shutil.rmtree(folder_store.root)
        shutil.copytree(kept, folder_store.root)
    monkeypatch.undo()
    assert prove(engine, settings, folder_store, backup_id=second.backup_id).is_equal


def test_lost_earlier_manifest_is_told_once_and_later_backups_stay_provable(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    first = run_backup(engine, settings, folder_store)
    second = run_backup(engine, settings, folder_store, day=1)
    folder_store.delete(manifest_of(first.object_key))
    with pytest.raises(ChainBroken, match="broken at 1"):
        prove(engine, settings, folder_store)
    assert row(engine, first.backup_id).state is BackupState.FAILED
    proof = prove(engine, settings, folder_store)
    assert (proof.backup_id, proof.is_equal) == (second.backup_id, True)


def test_proof_fails_when_the_restored_server_differs(
    engine: sa.Engine,
    settings: Settings,
    folder_store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run_backup(engine, settings, folder_store)
    restore = backups.restored

    @contextmanager
    def changed(*arguments: Any, **named: Any) -> Iterator[str]:
        with restore(*arguments, **named) as url:
            with psycopg.connect(url) as connection:
                connection.execute("SET session_replication_role = replica")  # unaudited
                connection.execute("UPDATE app.shops SET name = 'Coffee'")
            yield url

    monkeypatch.setattr(backups, "restored", changed)
    proof = prove(engine, settings, folder_store)
    sentence = "app.shops has its 1 rows, but not with the values it had"
    assert (proof.is_equal, proof.differences) == (False, (sentence,))
    found = row(engine, made.backup_id)
    assert (found.state, found.verified_at, found.error) == (BackupState.FAILED, None, sentence)
    assert found.proof is not None and found.proof["differences"] == [sentence]


def test_next_backup_carries_fingerprints_over_and_is_proven_all_the_same(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    run_backup(engine, settings, folder_store)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE app.shops SET name = 'Coffee'"))
    second = run_backup(engine, settings, folder_store, day=1)
    proof = prove(engine, settings, folder_store)
    assert (proof.sequence, proof.is_equal, proof.rows) == (2, True, second.rows)


class During(FolderStore):
    """A folder that does something once the backup is streaming into it."""

    def __init__(self, root: Path, action: Callable[[], object]) -> None:
        super().__init__(root)
        self.action = action

    def put_stream(self, key: str, stream: IO[bytes]) -> None:
        head = stream.read(1024)
        self.action()

        class Rest:
            def read(self, size: int = -1) -> bytes:
                nonlocal head
                data, head = head or stream.read(size), b""
                return data

        super().put_stream(key, Rest())  # type: ignore[arg-type]


def test_tables_written_to_during_the_backup_are_named_and_the_rest_proven(
    engine: sa.Engine, settings: Settings
) -> None:
    def write() -> None:
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end,"
                    " value, received_at, batch_id) VALUES (7, 'sales', '2026-04-02T00:00Z',"
                    " '2026-04-02T00:00Z', 1, '2026-04-02T00:00Z', 1)"
                )
            )
            connection.execute(sa.update(Bill).where(Bill.number == "B202601-0001").values(
                net_amount=Decimal("11.00"), total_amount=Decimal("11.00")))  # fmt: skip

    store = During(settings.state_dir / "objects", write)
    made = run_backup(engine, settings, store)
    assert made.moving == 4
    proof = prove(engine, settings, store)
    assert (proof.is_equal, proof.differences) == (True, ())
    assert proof.moving == (
        "app.bills", "audit.events", "audit.head", "ingest.readings_y2026m04",
    )  # fmt: skip


def test_two_backups_never_run_at_once(engine: sa.Engine, settings: Settings) -> None:
    refusals = []

    def again() -> None:
        with pytest.raises(BackupRefused, match="another backup is running") as raised:
            run_backup(engine, settings, FolderStore(settings.state_dir / "other"))
        refusals.append(raised)

    store = During(settings.state_dir / "objects", again)
    run_backup(engine, settings, store)
    assert len(refusals) == 1


def test_backup_whose_server_goes_away_leaves_no_object(
    engine: sa.Engine, settings: Settings
) -> None:
    def cut() -> None:
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_replication "
                    "WHERE application_name = 'pg_basebackup'"
                )
            )

    store = During(settings.state_dir / "objects", cut)
    with pytest.raises(BackupError, match="pg_basebackup failed"):
        run_backup(engine, settings, store)
    assert list(store.list("")) == []
    with transaction(engine) as session:
        (failed,) = session.scalars(sa.select(Backup)).all()
    assert failed.state is BackupState.FAILED
    assert "pg_basebackup failed" in failed.error
    with pytest.raises(BackupNotFound):
        prove(engine, settings, store)


def test_full_store_fails_the_backup_and_the_next_one_succeeds(
    engine: sa.Engine, settings: Settings
) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = During(settings.state_dir / "objects", fill)
    with pytest.raises(OSError, match="No space left"):
        run_backup(engine, settings, store)
    run_backup(engine, settings, FolderStore(store.root), day=1)
    with transaction(engine) as session:
        states = session.execute(
            sa.select(Backup.sequence, Backup.state).order_by(Backup.sequence)
        ).all()
    assert [tuple(one) for one in states] == [(1, BackupState.FAILED), (2, BackupState.SUCCESS)]


def child(settings: Settings, code: str) -> subprocess.Popen[str]:
    """Python with the settings of the test, until it prints a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ATRIUM_STATE_DIR": str(settings.state_dir),
            "ATRIUM_DATABASE_URL": settings.database_url,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        raise AssertionError(f"the child ended with {process.wait()}")
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_killed_backup_is_marked_failed_by_the_next(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    process = child(
        settings,
        """
        import time
        from datetime import UTC, datetime
        from domain.backups import BackupOrigin
        from services.operations.backups import back_up
        from storage.database import create_engine
        from storage.objects import FolderStore
        from storage.settings import load_settings

        class Slow(FolderStore):
            def put_stream(self, key, stream):
                stream.read(1)
                print("streaming", flush=True)
                time.sleep(600)

        settings = load_settings()
        back_up(create_engine(settings.database_url), settings=settings,
                store=Slow(settings.state_dir / "objects"), origin=BackupOrigin.MANUAL,
                now=datetime.now(UTC))
        """,
    )
    with transaction(engine) as session:
        assert session.scalars(sa.select(Backup.state)).all() == [BackupState.RUNNING]
    kill(process)
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while True:  # the server notices the dead connection, and only then gives up its lock
        try:
            run_backup(engine, settings, folder_store)
            break
        except BackupRefused:
            assert datetime.now(UTC) < deadline
    with transaction(engine) as session:
        rows = session.execute(sa.select(Backup.state, Backup.error).order_by(Backup.sequence))
        assert [tuple(one) for one in rows] == [
            (BackupState.FAILED, "interrupted"), (BackupState.SUCCESS, ""),
        ]  # fmt: skip


def test_killed_drill_is_cleared_away_by_the_next(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    run_backup(engine, settings, folder_store)
    process = child(
        settings,
        """
        import time
        from storage.backup.manifest import Link
        from storage.backup.proving import check_manifest, restored
        from storage.database import create_engine, transaction
        from storage.models import Backup
        from storage.objects import open_object_store
        from storage.settings import load_settings
        import sqlalchemy as sa

        settings = load_settings()
        store = open_object_store(settings)
        with transaction(create_engine(settings.database_url)) as session:
            backup = session.scalars(sa.select(Backup)).one()
        link = Link(backup.sequence, backup.manifest_key, backup.manifest_sha256)
        manifest = check_manifest(store, link, settings=settings)
        with restored(settings.database_url, store, manifest, settings=settings):
            print("restored", flush=True)
            time.sleep(600)
        """,
    )
    left = (settings.state_dir / NAME / "data" / "postmaster.pid").read_text().splitlines()
    kill(process)
    assert Path(f"/proc/{left[0]}").exists() or sys.platform != "linux"
    assert prove(engine, settings, folder_store).is_equal
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=int(left[3]), user="nobody", connect_timeout=5)


def test_role_without_replication_is_told_what_it_lacks(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    name = f"plain_{os.getpid()}"
    with engine.begin() as connection:
        for statement in (
            f"CREATE ROLE {name} LOGIN PASSWORD 'secret'",
            f"GRANT pg_read_all_data, pg_write_all_data, atrium_backup TO {name}",
            f'GRANT CONNECT ON DATABASE "{engine.url.database}" TO {name}',
        ):
            connection.execute(sa.text(statement))
    plain = create_engine(
        engine.url.set(drivername="postgresql", username=name, password="secret").render_as_string(
            hide_password=False
        )
    )
    try:
        with pytest.raises(BackupRefused, match=f"ALTER ROLE {name} REPLICATION"):
            run_backup(plain, settings, folder_store)
        with engine.begin() as connection:
            connection.execute(sa.text(f"ALTER ROLE {name} REPLICATION"))
        with pytest.raises(BackupRefused, match=f"ALTER ROLE {name} BYPASSRLS"):
            run_backup(plain, settings, folder_store)
        with engine.begin() as connection:
            connection.execute(sa.text(f"ALTER ROLE {name} BYPASSRLS"))
        run_backup(plain, settings, folder_store, day=1)
        assert prove(plain, settings, folder_store).is_equal
    finally:
        plain.dispose()
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {name}"))
            connection.execute(sa.text(f"DROP ROLE {name}"))


def test_backups_own_login_backs_up_and_proves(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    own = create_engine(login_url(settings, Login.BACKUP))
    try:
        run_backup(own, settings, folder_store)
        assert prove(own, settings, folder_store).is_equal
    finally:
        own.dispose()


def test_backup_for_keys_elsewhere_is_proven_only_with_them(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    elsewhere = pyrage.x25519.Identity.generate()
    settings = settings.model_copy(update={"backup_recipients": str(elsewhere.to_public())})
    made = run_backup(engine, settings, folder_store)
    with pytest.raises(BackupRefused, match="not on this machine"):
        prove(engine, settings, folder_store)
    path = settings.secrets_dir / keys.IDENTITY
    path.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(BackupRefused, match="does not open"):
        prove(engine, settings, folder_store)
    assert row(engine, made.backup_id).state is BackupState.SUCCESS
    path.write_text(str(elsewhere))
    assert prove(engine, settings, folder_store).is_equal


def test_new_database_on_an_old_store_never_writes_over_its_backups(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    first = run_backup(engine, settings, folder_store)
    with transaction(engine) as session:
        session.execute(sa.delete(Backup))
    again = run_backup(engine, settings, folder_store)
    assert again.sequence == 2
    assert again.object_key != first.object_key
    assert folder_store.stat(first.object_key).bytes == first.stored_bytes


def test_proof_says_so_when_there_is_no_room(
    engine: sa.Engine,
    settings: Settings,
    folder_store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run_backup(engine, settings, folder_store)
    usage = shutil.disk_usage(settings.state_dir)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: type(usage)(usage.total, usage.total - 1000, 1000)
    )
    with pytest.raises(BackupRefused, match="bytes free"):
        prove(engine, settings, folder_store)
    assert row(engine, made.backup_id).state is BackupState.SUCCESS


def test_backup_of_another_major_version_is_refused(
    engine: sa.Engine,
    settings: Settings,
    folder_store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.backup.source.postgres_major", lambda _: 15)
    with pytest.raises(BackupRefused, match=r"PostgreSQL \d+, the programs here are of 15"):
        run_backup(engine, settings, folder_store)


def test_file_changed_after_unpacking_is_noticed(
    engine: sa.Engine, settings: Settings, folder_store: FolderStore
) -> None:
    """PostgreSQL's own manifest is the check between the archive and the start."""
    run_backup(engine, settings, folder_store)
    verify = Scratch.verify

    def spoil(place: Scratch) -> None:
        path = place.server.data / "global" / "pg_control"
        path.write_bytes(path.read_bytes()[::-1])
        verify(place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scratch, "verify", spoil)
        with pytest.raises(BackupDamaged, match="pg_control"):
            prove(engine, settings, folder_store)


def test_archive_that_would_write_outside_is_refused(settings: Settings) -> None:
    import io
    import tarfile

    for name, kind in (("../evil", tarfile.REGTYPE), ("/evil", tarfile.REGTYPE),
                       ("link", tarfile.SYMTYPE), ("node", tarfile.CHRTYPE)):  # fmt: skip
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
        packed.seek(0)
        with scratch(settings) as place, pytest.raises(BackupDamaged):
            place.unpack(packed)
