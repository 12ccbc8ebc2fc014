"""How gunicorn serves the site and the device API (`gunicorn -c python:webapp.gunicorn_conf`).

Belongs here: processes, threads and time-outs. Not here: the application (webapp.wsgi).
"""

from pathlib import Path

from storage.settings import load_settings

_settings = load_settings()

bind = f"{_settings.host}:{_settings.web_port}"
workers = _settings.web_workers
worker_class = "gthread"
threads = _settings.web_threads
timeout = 60
graceful_timeout = 10
keepalive = 15
# The parent that started us ends us; a page never waits on a slow disk for heartbeats.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
control_socket_disable = True
