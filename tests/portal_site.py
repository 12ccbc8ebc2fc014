"""The site of tests.staff_site with people of shops beside the staff."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from portal_mall import PortalMall, build_portal_mall
from staff_site import StaffSite, staff_site

__all__ = ["PortalSite", "portal_site", "staff_site"]


@dataclass
class PortalSite:
    """`site` is the whole site; `mall` says what belongs to whom."""

    site: StaffSite
    mall: PortalMall


@pytest.fixture(scope="module")
def portal_site(staff_site: StaffSite) -> Iterator[PortalSite]:
    yield PortalSite(
        staff_site, build_portal_mall(staff_site.engine, staff_site.settings, staff_site.mall)
    )
