"""The device API against its own description: schemathesis sends what it allows and what it
forbids, over the real application and Postgres, the same calls each time.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from staff_site import StaffSite

from services.operations.device_keys import create_device_key
from storage.database import transaction

# A call that follows the description may still name a device that nobody registered: 422.
CHECKS: list[Callable[..., bool | None]] = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def device_key(staff_site: StaffSite) -> str:
    with transaction(staff_site.engine) as session:
        return create_device_key(
            session,
            mall_id=staff_site.mall.mall_id,
            device_id=None,
            name="description",
            now=datetime(2026, 4, 1, tzinfo=UTC),
        )


@pytest.fixture(scope="module")
def api(staff_site: StaffSite) -> schemathesis.BaseSchema:
    """The description as the application serves it."""
    return schemathesis.openapi.from_wsgi("/api/openapi.json", staff_site.app)


OPERATIONS = (
    ("POST", "/api/v1/readings"),
    ("POST", "/api/v1/devices/{adapter}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def for_all(
    api: schemathesis.BaseSchema,
    operation: tuple[str, str],
    mode: GenerationMode,
    examples: int,
    check: Callable[[schemathesis.Case], None],
) -> None:
    method, path = operation

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case) -> None:
        check(case)

    run()


def test_every_described_operation_is_tried(api: schemathesis.BaseSchema) -> None:
    described = {(one.ok().method.upper(), one.ok().path) for one in api.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_api_keeps_to_its_description(
    api: schemathesis.BaseSchema,
    device_key: str,
    operation: tuple[str, str],
    mode: GenerationMode,
) -> None:
    def check(case: schemathesis.Case) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {device_key}"})
        case.validate_response(answer, checks=CHECKS)
        assert answer.headers["x-request-id"]

    is_written = operation[0] == "POST"
    if is_written or mode is GenerationMode.POSITIVE:
        for_all(api, operation, mode, 80 if is_written else 5, check)


def test_readings_of_a_known_device_are_taken_or_refused_as_described(
    api: schemathesis.BaseSchema, device_key: str, staff_site: StaffSite
) -> None:
    """Another round with the code of a till in each reading, so that some are taken."""
    with staff_site.engine.connect() as connection:
        code = connection.execute(
            sa.text("SELECT code FROM app.devices WHERE kind = 'POS' ORDER BY id LIMIT 1")
        ).scalar_one()
    seen: Counter[int] = Counter()

    def check(case: schemathesis.Case) -> None:
        readings = case.body if isinstance(case.body, list) else [case.body]
        for reading in readings:
            if isinstance(reading, dict):
                reading["device_id"] = code
                reading["timestamp"] = f"2026-04-15T00:{sum(seen.values()) % 60:02}:00Z"
                reading.pop("interval_end", None)
                reading.pop("unit", None)
        answer = case.call(headers={"Authorization": f"Bearer {device_key}"})
        case.validate_response(answer, checks=CHECKS)
        seen[answer.status_code] += 1

    for_all(api, OPERATIONS[0], GenerationMode.POSITIVE, 80, check)
    assert seen[200] > 5, seen


def test_nothing_is_taken_without_a_key(api: schemathesis.BaseSchema) -> None:
    def check(case: schemathesis.Case) -> None:
        case.headers.pop("Authorization", None)
        answer = case.call()
        case.validate_response(
            answer, checks=[checks.not_a_server_error, checks.status_code_conformance]
        )
        assert answer.status_code == 401

    for_all(api, OPERATIONS[0], GenerationMode.POSITIVE, 15, check)
