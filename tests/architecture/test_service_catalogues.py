"""Every string that services write for people is translated into Chinese, and none is left over."""

import string

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.language import TRANSLATIONS
from storage.settings import REPOSITORY

PO_FILES = sorted((TRANSLATIONS / "zh_CN" / "LC_MESSAGES").glob("*.po"))
KEYWORDS = {"_": None, "marked": None, "say": None, "ngettext": (1, 2)}


def extracted() -> set[str]:
    found = extract_from_dir(
        REPOSITORY / "services", method_map=[("**.py", "python")], keywords=KEYWORDS
    )
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def catalogue(path: object) -> Catalog:
    with open(str(path), "rb") as file:  # noqa: PTH123
        return read_po(file, locale="zh_CN")


def test_every_msgid_of_services_has_a_chinese_translation() -> None:
    translated = {
        message.id
        for path in PO_FILES
        for message in catalogue(path)
        if message.id and message.string
    }
    used = extracted()
    assert len(used) > 100, "the extraction finds the strings"
    assert used - translated == set()


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.stem)
def test_translation_names_the_same_fields(path: object) -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for message in catalogue(path):
        if message.id and "{" in str(message.id):
            assert fields(str(message.string)) == fields(str(message.id)), message.id


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.stem)
def test_no_translation_is_fuzzy(path: object) -> None:
    assert [message.id for message in catalogue(path) if message.id and message.fuzzy] == []
