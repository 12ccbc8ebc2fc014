"""Why a file is refused: a code and its facts. The sentence is in `words`.

Pure: the process that opens files imports it too.
"""

from enum import StrEnum


class Reason(StrEnum):
    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    WRONG_EXTENSION = "WRONG_EXTENSION"
    WRONG_CONTENT = "WRONG_CONTENT"
    DAMAGED = "DAMAGED"
    TOO_DEMANDING = "TOO_DEMANDING"
    BUSY = "BUSY"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    ENCRYPTED = "ENCRYPTED"
    ACTIVE_CONTENT = "ACTIVE_CONTENT"
    TWO_IN_ONE = "TWO_IN_ONE"
    UNSAFE_ARCHIVE = "UNSAFE_ARCHIVE"
    UNPACKS_TOO_LARGE = "UNPACKS_TOO_LARGE"
    MACROS = "MACROS"
    FOREIGN_PARTS = "FOREIGN_PARTS"
    FORBIDDEN_XML = "FORBIDDEN_XML"
    UNKNOWN_ENCODING = "UNKNOWN_ENCODING"
    NOT_TEXT = "NOT_TEXT"
    TOO_MANY_ROWS = "TOO_MANY_ROWS"
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS"
    CELL_TOO_LONG = "CELL_TOO_LONG"


class UploadRefused(Exception):
    """The file is not taken. `facts` are the fields of the reason's sentence."""

    def __init__(self, reason: Reason, **facts: int | str) -> None:
        super().__init__(f"{reason}: {facts}" if facts else str(reason))
        self.reason = reason
        self.facts = facts

    @property
    def is_passing(self) -> bool:
        """Whether the same file may be taken a moment later."""
        return self.reason is Reason.BUSY
