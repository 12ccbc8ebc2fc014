"""The API's description: true to the code, whole in both languages, loaded from nowhere else."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask, Response, request
from flask_babel import Babel

from domain.devices import Metric
from services.adapters.readings_judge import OPTIONAL, REQUIRED
from services.adapters.refusals import Reason
from storage.database import create_engine
from storage.objects import FolderStore
from storage.settings import Clock, Settings
from webapp.api import blueprint
from webapp.api.openapi import build_document
from webapp.api.problems import PROBLEMS
from webapp.runtime import Runtime

WEBAPP = Path(__file__).parents[2] / "webapp"


@pytest.fixture
def client(settings: Settings, tmp_path: Path):
    app = Flask("webapp", root_path=str(WEBAPP))
    Babel(app, locale_selector=lambda: request.args.get("lang", "en"))
    url = "postgresql://nobody@127.0.0.1:9/nothing"
    app.extensions["atrium"] = Runtime(
        settings, create_engine(url), url, FolderStore(tmp_path), Clock()
    )
    app.register_blueprint(blueprint)
    return app.test_client()


class Text(HTMLParser):
    """What a reader sees, apart from code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.depth = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.depth += tag in ("code", "pre", "title")
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.links.append(value)
            if name == "id":
                self.ids.add(value)
            assert name not in ("style", "onclick")

    def handle_endtag(self, tag) -> None:
        self.depth -= tag in ("code", "pre", "title")

    def handle_data(self, data) -> None:
        if not self.depth and data.strip():
            self.words.append(data.strip())


def page(client, lang: str) -> Text:
    response: Response = client.get(f"/api/docs?lang={lang}")
    assert response.status_code == 200
    return Text(response.get_data(as_text=True))


def test_document_is_openapi_and_its_references_lead_somewhere(client) -> None:
    document = client.get("/api/openapi.json").json
    assert document["openapi"] == "3.1.0"
    text = str(document)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in document["components"]["schemas"]


def test_document_names_every_field_status_and_reason(settings: Settings) -> None:
    document = build_document(settings)
    schemas = document["components"]["schemas"]
    assert list(schemas["Reading"]["properties"]) == [*REQUIRED, *OPTIONAL]
    assert schemas["Reading"]["required"] == list(REQUIRED)
    assert schemas["Reading"]["properties"]["data_type"]["enum"] == [m.value for m in Metric]
    assert set(schemas["Result"]["properties"]["code"]["enum"]) == {r.value for r in Reason}
    statuses = {str(problem.status) for problem in PROBLEMS}
    paths = document["paths"]
    assert set(paths["/api/v1/readings"]["post"]["responses"]) == {"200", *statuses} - {"404"}
    assert set(paths["/api/v1/devices/{adapter}"]["post"]["responses"]) == {
        "200",
        "202",
        *statuses,
    }


def test_document_names_every_route(client, settings: Settings) -> None:
    ours = {
        re.sub("<(.*?)>", r"{\1}", str(rule))
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    }
    assert ours == {*build_document(settings)["paths"], "/api/docs", "/api/openapi.json"}


def test_page_shows_every_problem_data_type_and_operation(client) -> None:
    shown = page(client, "en")
    assert {f"problem-{problem.slug}" for problem in PROBLEMS} <= shown.ids
    html = client.get("/api/docs").get_data(as_text=True)
    for metric in Metric:
        assert f"<code>{metric.value}</code>" in html
    assert "/api/v1/readings" in html
    assert "Bearer &lt;your key&gt;" in html


def test_page_loads_nothing_from_elsewhere_and_its_anchors_exist(client) -> None:
    shown = page(client, "en")
    for link in shown.links:
        assert link.startswith(("/", "#")), link
        if link.startswith("#"):
            assert link[1:] in shown.ids
    for link in (link for link in shown.links if link.startswith("/static/")):
        assert (WEBAPP / link.lstrip("/").split("?")[0]).exists()


def test_page_is_whole_in_chinese(client) -> None:
    english, chinese = page(client, "en"), page(client, "zh_CN")
    same = {
        word
        for word in chinese.words
        if word in english.words and re.search(r"[a-z]{3}", word) and " " in word
    }
    assert same == set()
    assert "设备接口" in chinese.words
