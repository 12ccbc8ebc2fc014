"""XML as a small tree of local names, whatever its namespaces.

Parsed without expanding namespaces: vendors change theirs from firmware to firmware, and a long
one in many elements would fill the memory. No document type, no entity, nothing fetched; depth
and number of elements are bounded.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from defusedxml import sax
from defusedxml.common import DefusedXmlException

from services.adapters.decoded import Unreadable
from services.adapters.refusals import Reason, shown

DEEPEST = 64
MOST_ELEMENTS = 500_000
LONGEST_WRITTEN = 4000
_DECLARED = re.compile(
    rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["'][^>]{0,200}\?>"""
)
# What XML's parser reads by itself; the Chinese ones are turned into UTF-8 first.
_PLAIN = frozenset({"utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859-1"})
_CHINESE = frozenset({"gb2312", "gbk", "gb18030", "cp936"})


class Element:
    """An element by its local name; `text` is what stands in it beside its children, trimmed."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.text = ""
        self.attributes = attributes
        self.children: list[Element] = []

    def child(self, *path: str) -> "Element | None":
        """The first of that name, and so on down the path."""
        found: Element | None = self
        for name in path:
            found = next((c for c in found.children if c.name == name), None) if found else None
        return found

    def text_at(self, *path: str) -> str:
        """The text at the path; empty where there is no such element."""
        found = self.child(*path)
        return found.text if found else ""

    def all(self, name: str) -> list["Element"]:
        """The children of that name."""
        return [child for child in self.children if child.name == name]

    def walk(self) -> Iterator["Element"]:
        """The element and all below it, in the order of the document."""
        left = [self]
        while left:
            element = left.pop()
            yield element
            left.extend(reversed(element.children))

    def written(self, longest: int = LONGEST_WRITTEN) -> str:
        """The element as XML again, cut at `longest` characters."""
        parts: list[str] = []
        left = longest
        # Iterators, so that of a thousand children only those are touched that are written.
        todo: list[Iterator[Element | str]] = [iter([self])]
        while todo and left > 0:
            item = next(todo[-1], None)
            if item is None:
                todo.pop()
                continue
            if isinstance(item, str):
                part = item
            else:
                given = "".join(f' {k}="{escape(v[:left])}"' for k, v in item.attributes.items())
                part = f"<{item.name}{given}>{escape(item.text[:left])}"
                todo.append(iter([f"</{item.name}>"]))
                todo.append(iter(item.children))
            parts.append(part[:left])
            left -= len(part)
        return "".join(parts)


class _Builder:
    """Takes the parser's events. It has the names of a SAX handler, so ruff lets them be."""

    def __init__(self, most_elements: int) -> None:
        self.root: Element | None = None
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.left = most_elements
        self.names: dict[str, str] = {}

    def startElement(self, name: str, attributes: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise Unreadable(Reason.TOO_LARGE, "the XML has too many elements; send it in several")
        if len(self.open) >= DEEPEST:
            raise Unreadable(Reason.TOO_DEEP, f"the XML is nested more than {DEEPEST} deep")
        given = {self._local(key): value for key, value in attributes.items()}
        element = Element(self._local(name), given)
        if self.open:
            self.open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self.open.append(element)
        self.texts.append([])

    def endElement(self, name: str) -> None:
        self.open.pop().text = "".join(self.texts.pop()).strip()

    def characters(self, text: str) -> None:
        if self.texts:
            self.texts[-1].append(text)

    def fatalError(self, error: Any) -> None:
        raise Unreadable(
            Reason.NOT_XML, f"line {error.getLineNumber()}: {error.getMessage()}; expected XML"
        )

    error = fatalError

    def _local(self, name: str) -> str:
        found = self.names.get(name)
        if found is None:
            found = self.names[name] = name.rpartition(":")[2]
        return found

    def _let_be(self, *args: Any) -> None:
        """An event that says nothing here."""

    warning = setDocumentLocator = startDocument = endDocument = _let_be
    ignorableWhitespace = processingInstruction = skippedEntity = _let_be


class _Handing(_Builder):
    """Hands over each element of one name as it ends, and keeps nothing of the document."""

    def __init__(self, name: str, take: Callable[[Element], None]) -> None:
        super().__init__(MOST_ELEMENTS)
        self.wanted = name
        self.take = take
        self.within = 0  # depth of the element that is being built for `take`; 0 outside one

    def startElement(self, name: str, attributes: Any) -> None:
        super().startElement(name, attributes)
        if not self.within and self.open[-1].name == self.wanted:
            self.within = len(self.open)

    def endElement(self, name: str) -> None:
        element = self.open[-1]
        super().endElement(name)
        if not self.within:
            element.children.clear()
        elif self.within > len(self.open):
            self.within = 0
            self.left = MOST_ELEMENTS
            if self.open:
                self.open[-1].children.clear()
            self.take(element)

    def characters(self, text: str) -> None:
        if self.within:
            super().characters(text)


def hand_over(body: bytes, name: str, take: Callable[[Element], None]) -> Element:
    """Calls `take` with each element of that local name, one at a time: a document of any
    length needs the memory of one of them. Returns the root, without children unless it is the
    one. Raises Unreadable, and what `take` raises but ValueError, TypeError and LookupError.
    """
    return _parse(body, _Handing(name, take))


def read_xml(body: bytes, *, most_elements: int = MOST_ELEMENTS) -> Element:
    """The root of a document in UTF-8, UTF-16, Latin 1 or GBK. Raises Unreadable."""
    return _parse(body, _Builder(most_elements))


def _parse(body: bytes, builder: _Builder) -> Element:
    if not body.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n\x00"):
        raise Unreadable(Reason.EMPTY_FILE, "the body is empty; expected XML")
    parser = sax.make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(builder)
    parser.setErrorHandler(builder)
    try:
        # All at once: in chunks, one long token would be looked at again with each.
        parser.feed(_in_known_encoding(body))
        parser.close()
    except DefusedXmlException:
        raise Unreadable(
            Reason.NOT_XML, "the XML has a document type; expected none, nor entities"
        ) from None
    except (LookupError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(Reason.NOT_XML, f"{error}; expected XML") from None
    if builder.root is None:
        raise Unreadable(Reason.NOT_XML, "there is no element; expected XML")
    return builder.root


def _in_known_encoding(body: bytes) -> bytes:
    found = _DECLARED.match(body.removeprefix(codecs.BOM_UTF8)[:500])
    name = found[1].decode("ascii").lower() if found else "utf-8"
    if found and name in _CHINESE:
        try:
            return body[found.end() :].decode("gb18030").encode()
        except UnicodeDecodeError as error:
            raise Unreadable(Reason.BAD_TEXT, f"{name}: byte {error.start} is none") from None
    if name not in _PLAIN:
        raise Unreadable(
            Reason.UNKNOWN_ENCODING,
            f"the encoding is {shown(name)}; expected UTF-8, UTF-16, Latin 1 or GBK",
        )
    return body
