"""The code location that workspace.yaml names."""

import logging

from pipelines.build import build_definitions
from storage.logs import configure_logs
from storage.settings import load_settings

# What our own code and its libraries say beside a run's log, which Dagster keeps itself.
configure_logs(load_settings(), least=logging.WARNING)
defs = build_definitions()
