"""Data quality, flags with decisions, closed months: what staff see and decide, and who may."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from quality_mall import (
    BLIND_DAY,
    HALF_DAY,
    ODD,
    OUTLIER,
    STEADY,
    QualityMall,
    build_quality_mall,
)
from staff_mall import NOW
from staff_site import StaffSite, staff_site, token  # noqa: F401

from domain.cleaning import CLEANING_RULES, ESTIMATE_METHODS
from services.operations.cleaning import clean_touched_dates
from webapp.words.cleaning import RULES, estimate_reason, rule_reason

OPERATION, MANAGEMENT, FINANCE = (
    "operation@example.org", "management@example.org", "finance@example.org",
)  # fmt: skip


@pytest.fixture(scope="module")
def quality(staff_site: StaffSite) -> Iterator[QualityMall]:  # noqa: F811
    yield build_quality_mall(staff_site.engine, staff_site.mall)


@pytest.fixture
def site(staff_site: StaffSite, quality: QualityMall) -> StaffSite:  # noqa: F811
    return staff_site


def at(quality: QualityMall, start: datetime = OUTLIER, day: date | None = None) -> str:
    return (
        f"/admin/flags/hour?device={quality.odd}&metric=footfall_in"
        f"&hour={start.isoformat().replace('+', '%2B')}&day={day or start.date()}"
    )


def decide(client: FlaskClient, address: str, deed: str, reason: str = "A fair was on"):  # type: ignore[no-untyped-def]
    return client.post(
        address,
        data={"csrf_token": token(client, address), "deed": deed, "reason": reason},
        follow_redirects=True,
    )


def hour(site: StaffSite, quality: QualityMall, start: datetime = OUTLIER) -> sa.Row:
    clean_touched_dates(site.engine, now=NOW, mall_id=site.mall.mall_id)
    with site.engine.connect() as connection:
        return connection.execute(
            sa.text(
                "SELECT value, flags, is_used, is_estimated FROM ingest.reading_hours "
                "WHERE device_id = :device AND metric = 'footfall_in' AND hour_start = :start"
            ),
            {"device": quality.odd, "start": start},
        ).one()


def test_calendar_shows_the_worst_device_first_and_each_day(
    site: StaffSite, quality: QualityMall
) -> None:
    page = site.client(MANAGEMENT).get("/admin/data-quality/?period=2026-03").text
    assert page.index(ODD) < page.index(STEADY)
    assert f"{HALF_DAY}: 6 of 12, 6 estimated" in page
    assert f"{BLIND_DAY}: 0 of 12, 12 taken out by a rule, 12 estimated" in page
    assert "grade-full" in page and "grade-empty" in page
    assert "Blind counter" in page


def test_calendar_is_searched_filtered_and_empty_with_advice(site: StaffSite) -> None:
    client = site.client(OPERATION)
    assert ODD not in client.get("/admin/data-quality/?period=2026-03&search=FC-02").text
    assert "Nothing matches" in client.get("/admin/data-quality/?period=2026-03&kind=POS").text
    assert "No data of this period" in client.get("/admin/data-quality/?period=2020-01").text
    assert ODD in client.get("/admin/data-quality/?period=2026-W13").text


def test_flags_are_listed_with_reasons_and_filtered(site: StaffSite, quality: QualityMall) -> None:
    client = site.client(OPERATION)
    page = client.get("/admin/flags/?rule=outlier").text
    assert "Unusual value" in page and "the score is" in page
    blind = client.get(f"/admin/flags/?rule=dead_zeros&device={quality.odd}").text
    assert "Nothing but zeros" in blind and "the score is" not in blind
    assert "Nothing matches" in client.get("/admin/flags/?first=2020-01-01&last=2020-01-02").text


def test_list_of_flags_pages_by_key_forth_and_back(site: StaffSite) -> None:
    with site.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE ingest.reading_hours SET flags = '{still}' WHERE flags = '{}' "
                "AND business_date BETWEEN '2026-01-05' AND '2026-01-12' AND metric = 'footfall_in'"
            )
        )
    client, seen, path = site.client(OPERATION), [], "/admin/flags/?rule=still"
    for _page in range(20):
        text = client.get(path).text
        seen.append(re.findall(r"/admin/flags/hour\?[^\"]+", text))
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    hours = [one for page in seen for one in page]
    assert len(seen) > 1 and len(hours) == len(set(hours))
    back = re.search(r'rel="prev" href="([^"]+)"', client.get(path).text)
    assert back is not None
    earlier = client.get(back[1].replace("&amp;", "&")).text
    assert re.findall(r"/admin/flags/hour\?[^\"]+", earlier) == seen[-2]


def test_hours_of_a_day_are_all_there(site: StaffSite, quality: QualityMall) -> None:
    client = site.client(MANAGEMENT)
    path = f"/admin/flags/day?device={quality.odd}&metric=footfall_in&day={HALF_DAY}"
    page = client.get(path).text
    assert page.count("/admin/flags/hour?") == 12 and page.count(">estimated<") == 6
    empty = client.get(path.replace(str(HALF_DAY), "2020-01-01")).text
    assert "missing is not zero" in empty


def test_excluded_hour_no_longer_counts_until_it_is_withdrawn(
    site: StaffSite, quality: QualityMall
) -> None:
    client, address = site.client(OPERATION), at(quality)
    before = hour(site, quality)
    assert "outlier" in before.flags and before.is_used
    page = decide(client, address, "exclude:").text
    assert "It is written down" in page
    after = hour(site, quality)
    assert "excluded_by_hand" in after.flags and not after.is_used and not after.is_estimated
    page = client.get(address).text
    number = re.search(r'value="withdraw:(\d+)"', page)
    assert number and "A fair was on" in page and OPERATION in page
    decide(client, address, f"withdraw:{number[1]}")
    assert hour(site, quality) == before


def test_released_flag_counts_and_stays_to_be_seen(site: StaffSite, quality: QualityMall) -> None:
    client = site.client(OPERATION)
    start = datetime(2026, 3, 25, 4, tzinfo=UTC)
    address = at(quality, start)
    assert "dead_zeros" in hour(site, quality, start).flags
    decide(client, address, "release:dead_zeros", "The entrance was shut")
    after = hour(site, quality, start)
    assert "dead_zeros" in after.flags and after.is_used and not after.is_estimated
    assert after.value == 0
    assert "Released: Blind counter" in client.get(address).text


def test_decision_without_a_reason_is_refused_at_the_field(
    site: StaffSite, quality: QualityMall
) -> None:
    client, address = site.client(OPERATION), at(quality)
    answer = decide(client, address, "exclude:", reason=" ")
    assert answer.status_code == 422 and "Say why" in answer.text


def test_stale_decision_is_told_and_changes_nothing(site: StaffSite, quality: QualityMall) -> None:
    client, address = site.client(OPERATION), at(quality)
    before = hour(site, quality)
    for deed in ("release:negative", "withdraw:999999", "release:nothing"):
        assert "has changed since you looked" in decide(client, address, deed).text
    assert hour(site, quality) == before


def test_who_may_not_decide_sees_no_form_and_is_refused(
    site: StaffSite, quality: QualityMall
) -> None:
    client, address = site.client(MANAGEMENT), at(quality)
    page = client.get(address)
    assert page.status_code == 200 and 'name="deed"' not in page.text
    answer = client.post(
        address,
        data={
            "csrf_token": token(client, "/account/password"), "deed": "exclude:", "reason": "x",
        },
    )  # fmt: skip
    assert answer.status_code == 403
    assert site.client(FINANCE).get("/admin/flags/").status_code == 403


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("hour", {"device": 999_999}),
        ("hour", {"metric": "nonsense"}),
        ("hour", {"hour": "yesterday"}),
        ("hour", {"hour": "2026-03-26T03:30:00Z"}),
        ("day", {"day": "never"}),
    ],
)
def test_hour_that_is_not_there_is_not_found(
    site: StaffSite, quality: QualityMall, page: str, asked: dict[str, object]
) -> None:
    there = {
        "device": quality.odd,
        "metric": "footfall_in",
        "hour": "2026-03-26T07:00:00Z",
        "day": "2026-03-26",
    }
    client = site.client(OPERATION)
    assert client.get(f"/admin/flags/{page}", query_string=there).status_code == 200
    answer = client.get(f"/admin/flags/{page}", query_string={**there, **asked})
    assert answer.status_code == 404


def test_finance_closes_a_month_and_decides_what_came_late(
    site: StaffSite, quality: QualityMall
) -> None:
    client, path = site.client(FINANCE), "/admin/late-values/"
    words = token(client, path)

    def post(deed: str, **data: object) -> str:
        return client.post(
            f"{path}{deed}", data={"csrf_token": words, **data}, follow_redirects=True
        ).text

    assert "The month is closed" in post("close", month="2026-01")
    assert "somebody decided before you" in post("close", month="2026-01")
    assert "Only a month that is over" in post("close", month=f"{NOW:%Y-%m}")
    page = client.get(path).text
    assert ODD in page and ">Apply<" not in page
    assert "somebody decided before you" in post("apply", late=quality.late)
    assert "Say why" in post("reopen", month="2026-01")
    assert "1 late value waits" in post("reopen", month="2026-01", reason="A meter was misread")
    assert ">Apply<" in client.get(path).text
    assert "The value is applied" in post("apply", late=quality.late)
    with site.engine.connect() as connection:
        value = connection.scalar(
            sa.text(
                "SELECT value FROM ingest.readings WHERE device_id = :device "
                "AND metric = 'footfall_in' AND interval_start = '2026-01-06T03:00Z'"
            ),
            {"device": quality.odd},
        )
    assert value == 77
    assert "Nothing came late" in client.get(path).text
    assert site.client(OPERATION).get(path).status_code == 403


def test_every_rule_and_estimate_has_its_words(site: StaffSite) -> None:
    assert set(RULES) == {rule.name for rule in CLEANING_RULES}
    with site.app.test_request_context():
        for rule in CLEANING_RULES:
            assert rule_reason(rule.name, {})
        for method in ESTIMATE_METHODS:
            assert estimate_reason({"method": method.name})
