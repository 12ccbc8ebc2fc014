"""Walk a site as a person does: from a page along its links, one address of every rule."""

from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """Links and forms of a page."""

    def __init__(self, address: str, html: str) -> None:
        super().__init__()
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and values.get("href"):
            self.links.append(urljoin(self.address, values["href"]))
        elif tag == "form":
            action = urljoin(self.address, values.get("action", "") or self.address)
            self.forms.append(Form(action, values.get("method", "get").lower()))
        elif tag in ("input", "button", "select", "textarea") and self.forms and values.get("name"):
            self.forms[-1].fields[values["name"]] = values.get("value", "")


def rule_of(app: Flask, address: str, method: str = "GET") -> str:
    """The rule that an address of this site meets; empty for none."""
    parts = urlsplit(address)
    if parts.netloc:
        return ""
    try:
        rule, _ = app.url_map.bind("localhost").match(parts.path, method, return_rule=True)
    except (HTTPException, RequestRedirect):
        return ""
    return str(rule)


def crawl(app: Flask, client: FlaskClient, start: str) -> dict[str, Page]:
    """The pages that `client` reaches from `start`, one for each rule."""
    pages: dict[str, Page] = {}
    waiting = deque([start])
    asked: set[str] = set()
    while waiting:
        address = waiting.popleft()
        rule = rule_of(app, address)
        if not rule or rule in asked or "static" in rule:
            continue
        asked.add(rule)
        with client.get(address) as answer:
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            pages[rule] = Page(address, answer.text)
        waiting.extend(pages[rule].links)
    return pages
