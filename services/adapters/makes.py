"""Which module reads which adapter's bytes; imported when first needed, since some bring a
library along.
"""

from functools import cache
from importlib import import_module

from domain.devices import Adapter
from services.adapters.decoded import Decode


@cache
def decoder_of(adapter: Adapter) -> Decode:
    """The `decode` of services/adapters/<adapter>.py. ATRIUM has none: its readings name
    devices by code (readings_json).
    """
    decode: Decode = import_module(f"services.adapters.{adapter.value}").decode
    return decode
