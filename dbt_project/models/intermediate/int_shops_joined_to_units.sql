select
    contracts.mall_id,
    contracts.shop_id,
    units.floor,
    units.zone,
    units.area_m2,
    contract_units.first_date,
    contract_units.last_date
from {{ ref('stg_app__contract_units') }} as contract_units
inner join {{ ref('stg_app__contracts') }} as contracts
    on contract_units.contract_id = contracts.contract_id
inner join {{ ref('stg_app__units') }} as units on contract_units.unit_id = units.unit_id
