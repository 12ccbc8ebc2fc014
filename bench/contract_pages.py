"""The pages of leases with ten thousand of them: list, search and board, as a browser gets them.

Ours: the 95th hundredth of the answers of the slowest of the three, in milliseconds, over the
site as it is served, with one person's kept connection. Limit: what a reader takes for at once.
"""

import http.client
import re
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import quantiles
from time import perf_counter
from urllib.parse import quote, urlencode

import psycopg
from sqlalchemy.orm import Session

from bench.figures import Figure
from bench.web_server import database, web
from domain.people import Role
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import create_engine
from storage.settings import Settings

CONTRACTS = 10_000
ROUNDS = 60
LIMIT_MS = 150
PERSON, PASSWORD = "officer@bench.example", "bench of ten thousand leases"
PAGES = {
    "list": "/admin/contracts/",
    "sorted": "/admin/contracts/?sort=end&desc=1",
    "search": "/admin/contracts/?search=04321",
    "search by shop": f"/admin/contracts/?search={quote('云上书店')}",
    "board": "/admin/contracts/board",
}
# Five leases of one unit after each other: three that are over, one that runs, one to come.
LEASES = """
WITH mall AS (
    INSERT INTO app.malls (code, name) VALUES ('B', 'Bench') RETURNING id
), units AS (
    INSERT INTO app.units (mall_id, code, floor, area_m2, opened_date)
    SELECT mall.id, 'U-' || lpad(n::text, 4, '0'), (n %% 6 + 1) || 'F', 40 + n %% 400, '2015-01-01'
    FROM mall, generate_series(0, %(contracts)s / 5 - 1) AS n RETURNING id, code
), shops AS (
    INSERT INTO app.shops (mall_id, code, name, business_type)
    SELECT mall.id, 'S-' || lpad(n::text, 4, '0'),
        (ARRAY['云上', '海岸', '星光', '山野', '木槿'])[n %% 5 + 1]
            || (ARRAY['书店', '咖啡', '影城', '户外', '美容', '面馆', '童装'])[n %% 7 + 1] || n,
        'RETAIL'
    FROM mall, generate_series(0, %(contracts)s / 5 - 1) AS n RETURNING id, code
), leases AS (
    INSERT INTO app.contracts (mall_id, shop_id, number, state, start_date, end_date,
        deposit_amount, officer)
    SELECT mall.id, shops.id, 'HT-' || lpad((5 * right(shops.code, 4)::int + turn)::text, 5, '0'),
        CASE WHEN turn < 3 THEN (ARRAY['EXPIRED', 'RENEWED', 'RENEWED', 'TERMINATED'])
            [right(shops.code, 2)::int %% 4 + 1]
        WHEN turn = 3 THEN 'ACTIVE'
        ELSE (ARRAY['DRAFT', 'DRAFT', 'IN_REVIEW', 'APPROVED', 'REJECTED', 'SENT', 'DECLINED',
            'SIGNED'])[right(shops.code, 2)::int %% 8 + 1] END,
        begins, begins + 364, 10000 + right(shops.code, 3)::int * 100,
        CASE WHEN right(shops.code, 1) = '7' THEN %(officer)s ELSE '' END
    FROM mall, shops, generate_series(0, 4) AS turn,
        LATERAL (SELECT %(today)s::date - 1460 + turn * 365 + 7 * right(shops.code, 3)::int %% 365)
            AS b (begins)
    RETURNING id, number, start_date, end_date, state
), held AS (
    INSERT INTO app.contract_units (contract_id, unit_id, period, is_held)
    SELECT leases.id, units.id, daterange(leases.start_date, leases.end_date, '[]'),
        leases.state NOT IN ('DRAFT', 'REJECTED', 'DECLINED')
    FROM leases JOIN units ON units.code = 'U-' || lpad((right(number, 5)::int / 5)::text, 4, '0')
)
INSERT INTO app.contract_clauses (contract_id, charge_type, pricing_kind, parameters, valid_from,
    recorded_at)
SELECT id, 'RENT', 'FIXED_MONTHLY', jsonb_build_object('amount', (10000 + step * 500)::text),
    start_date + step * 180, now() FROM leases, generate_series(0, 1) AS step
"""


def contract_pages_p95_ms() -> Figure:
    """Milliseconds of the slowest of the pages; the others are printed."""
    with database() as (url, folder):
        with psycopg.connect(url, autocommit=True) as connection:
            today = datetime.now(UTC).date()
            connection.execute(LEASES, {"contracts": CONTRACTS, "officer": PERSON, "today": today})
            connection.execute("ANALYZE")
        engine = create_engine(url)
        settings = Settings(state_dir=folder, database_url=url, _env_file=None)
        with Session(engine) as session, session.begin():
            create_user(
                session,
                email=PERSON,
                name="",
                role=Role.OPERATION,
                mall_codes=["B"],
                password_hash=hash_password(PASSWORD, settings.secret("password_salt")),
            )
        engine.dispose()
        with web(url, folder) as port:
            person = _Person(port)
            figures = {name: person.p95_ms(path) for name, path in PAGES.items()}
    for name, milliseconds in figures.items():
        print(f"  {name}: {milliseconds:.0f} ms (limit {LIMIT_MS} ms)")
    return Figure("contract_pages_p95_ms", "ms", max(figures.values()), LIMIT_MS)


class _Person:
    """Somebody signed in, on one connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies: dict[str, str] = {}
        page = self.ask("GET", "/sign-in")[1]
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        if found is None:
            raise RuntimeError("the sign-in page has no form")
        answer = self.ask(
            "POST",
            "/sign-in",
            {"email": PERSON, "password": PASSWORD, "csrf_token": found.group(1)},
        )
        if answer[0] != 302:
            raise RuntimeError(f"nobody was signed in: {answer[0]}")

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self.connection.getresponse()
        body = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return answer.status, body

    def p95_ms(self, path: str) -> float:
        """Of ROUNDS answers, after one that warms up; each must be the page with leases on it."""
        taken = []
        for turn in range(ROUNDS + 1):
            began = perf_counter()
            status, body = self.ask("GET", path)
            seconds = perf_counter() - began
            if status != 200 or "HT-" not in body:
                raise RuntimeError(f"{path} was answered {status} without a lease")
            if turn:
                taken.append(seconds * 1000)
        return quantiles(taken, n=20)[-1]


MEASURES: dict[str, Callable[[], Figure]] = {"contract_pages_p95_ms": contract_pages_p95_ms}
