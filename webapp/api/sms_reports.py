"""Where a gateway of one's own tells what became of a text message: the address that
services.gateways.sms gave it, as Kannel calls it.

Belongs here: reading such a call. It is a GET and changes something, because that is how Kannel
tells; the secret in the address says who calls. Not here: what is kept (delivery_reports).
"""

import hmac

from flask import Blueprint, Response, abort, request

from domain.notifications import Failure
from services.gateways.sms.choice import REPORT_SECRET
from services.operations.delivery_reports import note_delivery_report
from webapp.api.connections import with_connection
from webapp.runtime import runtime

blueprint = Blueprint("sms_reports", __name__)
# Kannel's types of a report. What lies between, such as "the network has it", says nothing yet.
DELIVERED = "1"
REASONS = {"2": Failure.NOT_ARRIVED, "16": Failure.NETWORK}


@blueprint.get("/api/v1/sms-reports/<token>")
def get_report(token: str) -> Response:
    at = runtime()
    if not hmac.compare_digest(token.encode(), at.settings.secret(REPORT_SECRET).encode()):
        abort(404)
    state = request.args.get("state", "")
    provider_id = request.args.get("message", "").replace("\0", "")
    if state == DELIVERED or state in REASONS:
        with_connection(
            at.database_url,
            lambda connection: note_delivery_report(
                connection,
                provider_id=provider_id,
                is_delivered=state == DELIVERED,
                reason=REASONS[state].told() if state in REASONS else "",
                now=at.now(),
            ),
        )
    # The same for a message we do not know: there is nothing to find out here.
    return Response("", status=204, headers={"Cache-Control": "no-store"})
