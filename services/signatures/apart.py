"""Calling the library of signatures, which begins an event loop of its own each time.

Belongs here: that alone. A thread that runs a loop already cannot begin another, and whoever signs
a paper need not know whether its thread does.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def apart(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, from a thread of its own."""
    with ThreadPoolExecutor(1, "signature") as pool:
        return pool.submit(work).result()
