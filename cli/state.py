"""The database a command works on, ready and migrated for the length of a block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from storage.dagster_database import prepare_dagster_database
from storage.database import ensure_database, migrate
from storage.logins import prepare_logins
from storage.postgres import embedded_server
from storage.settings import Settings


@contextmanager
def ready_database(settings: Settings) -> Iterator[str]:
    """URL of a database that exists, is migrated, has its logins and stays up for the block.

    What works on it by this URL acts as `atrium_owner`.
    """
    with ExitStack() as stack:
        url = settings.database_url or stack.enter_context(embedded_server(settings).held())
        ensure_database(url)
        migrate(url)
        prepare_logins(settings, url)
        prepare_dagster_database(settings, url)
        yield url
