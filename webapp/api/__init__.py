"""The door for devices: readings in, answers after commit.

Belongs here: HTTP for devices and for whoever watches the service: readings, their description,
health; and what becomes of text messages. Not here: what a reading is (services/adapters) and how
it is written (services/operations). No model of the database is known here.
"""

from webapp.api.quick import QuickReadings
from webapp.api.routes import blueprint
from webapp.api.sms_reports import blueprint as sms_reports

__all__ = ["QuickReadings", "blueprint", "sms_reports"]
