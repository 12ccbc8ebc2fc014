"""What a request may reach: settings, database, objects and the clock.

Belongs here: the one object that `create_app` puts into `app.extensions["atrium"]`. Not here:
anything that uses it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from flask import current_app

from storage.objects import ObjectStore
from storage.settings import Clock, Settings

EXTENSION = "atrium"


@dataclass(frozen=True)
class Runtime:
    """`engine` asks how the database is; pages have sessions (webapp.database). `database_url` is
    plain (postgresql://…): how the device API, which speaks to psycopg directly, enters it.
    """

    settings: Settings
    engine: sa.Engine
    database_url: str
    store: ObjectStore
    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()


def runtime() -> Runtime:
    """The runtime of the application that serves the current request."""
    return cast(Runtime, current_app.extensions[EXTENSION])
