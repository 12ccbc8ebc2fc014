"""The doors for people and devices.

Belongs here: how the web application is put together. Each room has a package: `api` for
devices, `admin` for staff, `portal` for shops, `auth` for signing in.
"""

from datetime import timedelta

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined

from storage.database import create_engine
from storage.logins import Login, login_url
from storage.objects import open_object_store
from storage.roles import Group
from storage.settings import Clock, Settings
from webapp.runtime import Runtime

csrf = CSRFProtect()


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The web application. Raises storage.postgres.PostgresError when no database is there."""
    from webapp import api, assets, auth, database, errors, headers, language, pages, portal, verify
    from webapp.admin import create_admin
    from webapp.network import Network
    from webapp.uploads import limit_bodies

    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret("web_secret_key"),
        SESSION_COOKIE_NAME="atrium_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(minutes=30),
        MAX_CONTENT_LENGTH=settings.api_max_bytes,
        # What is typed, in memory; files go to disk.
        MAX_FORM_MEMORY_SIZE=512 * 1024,
        MAX_FORM_PARTS=500,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = headers.SchemeAwareSessions()
    # A name that a template misspells is an error, not an empty place on the page.
    app.jinja_env.undefined = StrictUndefined
    app.extensions["atrium"] = Runtime(
        settings=settings,
        engine=create_engine(login_url(settings, Login.DOOR), pool_size=1, role=Group.DOOR),
        database_url=login_url(settings, Login.INGEST),
        store=open_object_store(settings),
        clock=clock or Clock(settings.clock),
    )
    # First: whatever refuses a request, its answer has the headers and the number.
    headers.install(app)
    limit_bodies(app)
    csrf.init_app(app)
    language.install(app)
    database.install(app, settings)
    auth.install(app)
    errors.install(app)
    assets.install(app)
    create_admin(app)
    portal.install(app)
    verify.install(app)
    app.register_blueprint(pages.blueprint)
    # The API refuses cookies, so a forged form cannot speak with a person's session there.
    app.register_blueprint(api.blueprint)
    csrf.exempt(api.blueprint)
    app.register_blueprint(api.sms_reports)
    quick = api.QuickReadings(app)
    app.wsgi_app = Network(quick, settings)  # type: ignore[method-assign]
    return app
