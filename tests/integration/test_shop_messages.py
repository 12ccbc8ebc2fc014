"""A message about a contract leads the shop to it, as long as the shop may see it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site  # noqa: F401
from staff_mall import NOW

from domain.contracts import ContractState
from domain.notifications import Channel, DeliveryState, Template
from storage.database import transaction
from storage.models import Contract, Notification


@pytest.fixture
def told(portal_site: PortalSite) -> Iterator[PortalSite]:  # noqa: F811
    """A shop that was told of its contract, which is in the mall's hands again afterwards."""
    mall = portal_site.mall
    with transaction(portal_site.site.engine) as session:
        session.add(
            Notification(
                mall_id=portal_site.site.mall.mall_id,
                shop_id=mall.own_shop,
                contract_id=mall.own_contract,
                channel=Channel.IN_APP,
                recipient="S-001",
                locale="zh_CN",
                template=Template.CONTRACT_SENT.value,
                body="合约已可签署",
                dedupe_key="told-of-contract",
                state=DeliveryState.SENT,
                send_after=NOW,
                sent_at=NOW,
            )
        )
    yield portal_site
    with transaction(portal_site.site.engine) as session:
        session.execute(
            sa.delete(Notification).where(Notification.dedupe_key == "told-of-contract")
        )


def set_state(told: PortalSite, state: ContractState) -> None:
    with transaction(told.site.engine) as session:
        session.execute(
            sa.update(Contract).where(Contract.id == told.mall.own_contract).values(state=state)
        )


@pytest.mark.parametrize("path", ["/portal/", "/portal/messages/"])
def test_message_about_a_contract_leads_to_it(told: PortalSite, path: str) -> None:
    client = told.site.client(BOOKS)
    page = client.get(path).text
    address = f"/portal/contracts/{told.mall.own_contract}"
    assert "Contract to be signed" in page
    assert f'href="{address}">Open contract HT-2025-001' in page
    assert client.get(address).status_code == 200


def test_message_about_a_recalled_contract_leads_nowhere(told: PortalSite) -> None:
    set_state(told, ContractState.DRAFT)
    try:
        page = told.site.client(BOOKS).get("/portal/messages/").text
        assert "合约已可签署" in page
        assert "Open contract" not in page
    finally:
        set_state(told, ContractState.ACTIVE)
