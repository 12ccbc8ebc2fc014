"""A mall made of public data: 40 shops whose tills, counters and meters really were elsewhere.

Belongs here: the mapping from public data to a mall, and sending it through the public doors:
files in the drop-box, batches to the API, payments through the use-cases. Not here: anything
that the product itself needs. docs/sample-mall.md describes it.
"""

from sample_mall.batches import PostFailed, PostResult, is_posted, post_batches
from sample_mall.build import SampleMall, build_sample_mall
from sample_mall.desk import lay_out_desk
from sample_mall.files import DropResult, drop_files
from sample_mall.payments import PayResult, pay_bills
from sample_mall.plan_shops import MALL_CODE, TIME_ZONE
from sample_mall.sources import SampleDataMissing

__all__ = [
    "MALL_CODE",
    "TIME_ZONE",
    "DropResult",
    "PayResult",
    "PostFailed",
    "PostResult",
    "SampleDataMissing",
    "SampleMall",
    "build_sample_mall",
    "drop_files",
    "is_posted",
    "lay_out_desk",
    "pay_bills",
    "post_batches",
]
