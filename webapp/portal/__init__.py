"""The shops' own door, under /portal/: what a shop reads, searches, exports and downloads.

Belongs here: pages for people of a shop, one module for each kind of thing they look at. Not
here: the rows (services.queries.portal*), how a value looks (webapp.admin.formats and labels) and
terms in words (webapp.words).
"""

from flask import Flask

from webapp.portal import (
    bills,
    contracts,
    data,
    documents,
    figures,
    home,
    messages,
    renewals,
    signing,
)
from webapp.portal.door import blueprint

__all__ = [
    "bills",
    "contracts",
    "data",
    "documents",
    "figures",
    "home",
    "install",
    "messages",
    "renewals",
    "signing",
]


def install(app: Flask) -> None:
    """Put the pages of the modules above under /portal/."""
    app.register_blueprint(blueprint)
