"""Static files, addressed by their content, and the chart library made at first use.

Belongs here: how files reach a browser and how long it may keep them. Not here: the files.
"""

import gzip
import hashlib
import secrets
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for

from webapp.runtime import runtime

FAR_FUTURE = "public, max-age=31536000, immutable"
CHART_VERSION = version("vl-convert-python")

blueprint = Blueprint("assets", __name__)


def install(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"asset": _asset_url, "chart_library": _chart_library_url})
    app.after_request(_keep_versioned)


@lru_cache(maxsize=256)
def _digest(path: str, modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _asset_url(name: str) -> str:
    """Address of our own static file; it changes when the file does."""
    path = Path(current_app.static_folder or "") / name
    return url_for("static", filename=name, v=_digest(str(path), path.stat().st_mtime_ns))


def _chart_library_url() -> str:
    return url_for("assets.chart_library", version=CHART_VERSION)


def _keep_versioned(response: Response) -> Response:
    endpoint = request.endpoint or ""
    if endpoint == "static" or endpoint.endswith(".static"):
        kept = FAR_FUTURE if "v" in request.args else "public, max-age=3600"
        response.headers["Cache-Control"] = kept
    return response


@blueprint.get("/assets/charts-<version>.js")
def chart_library(version: str) -> Any:
    """Vega, Vega-Lite and vega-embed in one file of our own origin."""
    if version != CHART_VERSION:
        abort(404)
    packed = chart_library_file().read_bytes()
    accepts = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(packed if accepts else gzip.decompress(packed), mimetype="text/javascript")
    if accepts:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = FAR_FUTURE
    return response


def chart_library_file() -> Path:
    """The packed chart library in the state folder; made when it is not there (two seconds)."""
    folder = runtime().settings.state_dir / "cache"
    path = folder / f"charts-{CHART_VERSION}.js.gz"
    if not path.exists():
        import vl_convert

        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_bytes(gzip.compress(vl_convert.javascript_bundle().encode(), mtime=0))
        draft.replace(path)
    return path
