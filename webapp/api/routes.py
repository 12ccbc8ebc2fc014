"""The API's addresses, all in one place."""

from flask import Blueprint

from webapp.api import docs, health, readings
from webapp.api.problems import ApiProblem, problem_response

blueprint = Blueprint("api", __name__)
blueprint.register_error_handler(ApiProblem, problem_response)
blueprint.add_url_rule("/api/v1/readings", "readings", readings.post_readings, methods=["POST"])
blueprint.add_url_rule("/api/openapi.json", "openapi", docs.openapi_json, methods=["GET"])
blueprint.add_url_rule("/api/docs", "docs", docs.docs_page, methods=["GET"])
blueprint.add_url_rule("/healthz", "healthz", health.healthz, methods=["GET"])
blueprint.add_url_rule("/readyz", "readyz", health.readyz, methods=["GET"])
