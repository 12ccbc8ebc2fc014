"""The API's addresses, all in one place."""

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from webapp.api import device_pushes, docs, health, readings
from webapp.api.problems import ApiProblem, problem_response

blueprint = Blueprint("api", __name__)
blueprint.register_error_handler(ApiProblem, problem_response)
blueprint.add_url_rule("/api/v1/readings", "readings", readings.post_readings, methods=["POST"])
blueprint.add_url_rule(
    "/api/v1/devices/<adapter>", "push", device_pushes.post_push, methods=["POST"]
)
blueprint.add_url_rule("/api/openapi.json", "openapi", docs.openapi_json, methods=["GET"])
blueprint.add_url_rule("/api/docs", "docs", docs.docs_page, methods=["GET"])
blueprint.add_url_rule("/healthz", "healthz", health.healthz, methods=["GET"])
blueprint.add_url_rule("/readyz", "readyz", health.readyz, methods=["GET"])


@blueprint.record_once
def _sign_in_by_cookie_alone(state: BlueprintSetupState) -> None:
    """Where people sign in beside the API, nobody looks for a person's token in a request:
    Flask-Security would read and parse every device's body for one, before its key is known.
    """
    login_manager = getattr(state.app, "login_manager", None)
    if login_manager is not None:
        login_manager.request_loader(lambda request: None)
