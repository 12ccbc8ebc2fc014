"""The database a command works on, ready and migrated for the length of a block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from storage.database import dagster_url, ensure_database, migrate
from storage.postgres import embedded_server
from storage.settings import Settings


@contextmanager
def ready_database(settings: Settings) -> Iterator[str]:
    """URL of a database that exists, is migrated and stays up for the block."""
    with ExitStack() as stack:
        url = settings.database_url or stack.enter_context(embedded_server(settings).held())
        ensure_database(url)
        ensure_database(dagster_url(url))
        migrate(url)
        yield url
