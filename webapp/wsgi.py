"""The application that gunicorn serves: `gunicorn webapp.wsgi:app`."""

from storage.logs import configure_logs
from storage.settings import Clock, load_settings
from webapp import create_app

_settings = load_settings()
configure_logs(_settings)
app = create_app(_settings, Clock(_settings.clock))
