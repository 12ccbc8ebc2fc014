"""How much a key may send: calls and bytes a minute, counted in each web process by itself.

A key has a minute's worth at once, which fills again steadily. The count lives in memory: it
costs a call nothing that can be measured, and is forgotten with the process. With n web processes
a key that spreads its calls over all of them may send up to n times as much.

Belongs here: counting. Not here: what the refusal says (readings), the limits of people's pages.
"""

import math
import threading
from dataclasses import dataclass
from datetime import datetime

MINUTE = 60.0


@dataclass(slots=True)
class _Left:
    calls: float
    bytes: float
    at: datetime


class Quota:
    """What each key has left. Safe for threads."""

    def __init__(self, *, calls_per_minute: int, bytes_per_minute: int) -> None:
        self.calls_per_minute = calls_per_minute
        self.bytes_per_minute = bytes_per_minute
        self._left: dict[int, _Left] = {}
        self._lock = threading.Lock()

    def wait(self, key_id: int, length: int, now: datetime) -> int:
        """Whole seconds until the key may send a call of `length` bytes; 0: it may now."""
        with self._lock:
            return self._wait(self._filled(key_id, now), length)

    def take(self, key_id: int, length: int, now: datetime) -> int:
        """As `wait`; when the key may, the call is counted."""
        with self._lock:
            left = self._filled(key_id, now)
            seconds = self._wait(left, length)
            if not seconds:
                left.calls -= 1
                left.bytes -= length
            return seconds

    def give_back(self, key_id: int, length: int) -> None:
        """Forget a call that was counted and came to nothing: it is about to be counted anew."""
        with self._lock:
            left = self._left.get(key_id)
            if left is not None:
                left.calls += 1
                left.bytes += length

    def _filled(self, key_id: int, now: datetime) -> _Left:
        left = self._left.get(key_id)
        if left is None:
            left = _Left(self.calls_per_minute, self.bytes_per_minute, now)
            self._left[key_id] = left
            return left
        # A clock that was set back fills nothing and takes nothing.
        share = max((now - left.at).total_seconds(), 0.0) / MINUTE
        left.calls = min(left.calls + share * self.calls_per_minute, self.calls_per_minute)
        left.bytes = min(left.bytes + share * self.bytes_per_minute, self.bytes_per_minute)
        left.at = now
        return left

    def _wait(self, left: _Left, length: int) -> int:
        # A call larger than a minute's worth waits for a whole one, then leaves a debt.
        missing_bytes = min(length, self.bytes_per_minute) - left.bytes
        share = max((1 - left.calls) / self.calls_per_minute, missing_bytes / self.bytes_per_minute)
        return math.ceil(share * MINUTE - 1e-6) if share > 1e-9 else 0
