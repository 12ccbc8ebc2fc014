"""Transactions of tills as the measurements that gathering adds up.

Belongs here: which of ingest.till_transactions count, for which business date and with what
amounts. Not here: landing them (services.operations.till_sales), adding them up (gathering).

A sale and a return count; training, cancelled and control transactions never do. A void takes
back the transaction that it names: of those with that number at the same till the nearest by
business date, whichever came first, so a void may change an earlier or a later date than its own.
"""

from datetime import date, timedelta

import sqlalchemy as sa

from domain.cleaning import VOID_REACH_DAYS
from domain.sales import COUNTED
from services.operations.cleaning.scope import Cleaning

# The dates of all transactions that a void of these dates names, and of all that share their
# number with a transaction of these dates which is named by a void: another may be the nearest now.
_LINKED = sa.text("""
    WITH changed AS (
        SELECT sales.device_id, sales.business_date, sales.number, sales.kind,
            sales.original_number
        FROM app.devices AS devices
        INNER JOIN ingest.till_transactions AS sales ON sales.device_id = devices.id
        WHERE devices.mall_id = :mall_id
            AND sales.business_date BETWEEN :first_stored AND :last_stored
    ),

    named AS (
        SELECT device_id, business_date, original_number AS number FROM changed
        WHERE kind = 'VOID' AND original_number <> ''
        UNION
        SELECT before.device_id, before.business_date, before.original_number
        FROM app.devices AS devices
        INNER JOIN ingest.till_transaction_revisions AS before ON before.device_id = devices.id
        WHERE devices.mall_id = :mall_id AND before.kind = 'VOID' AND before.original_number <> ''
            AND before.business_date BETWEEN :first_stored AND :last_stored
        UNION
        SELECT changed.device_id, changed.business_date, changed.number
        FROM changed
        INNER JOIN app.devices AS devices ON changed.device_id = devices.id
        INNER JOIN ingest.till_transactions AS voids
            ON voids.device_id = changed.device_id AND voids.original_number = changed.number
        WHERE voids.kind = 'VOID'
            AND voids.business_date BETWEEN :first_void AND :last_void
    )

    SELECT DISTINCT CASE
        WHEN sales.has_stated_date THEN sales.business_date
        ELSE CAST(
            (sales.occurred_at AT TIME ZONE :time_zone) - make_interval(hours => :cutoff_hour)
            AS date
        )
    END AS business_date
    FROM named
    CROSS JOIN generate_series(-2 * :reach, 2 * :reach) AS away
    INNER JOIN ingest.till_transactions AS sales
        ON sales.device_id = named.device_id AND sales.number = named.number
            AND sales.business_date = named.business_date + away
""").bindparams(sa.bindparam("reach", VOID_REACH_DAYS, type_=sa.Integer))

_CREATE = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS cleaning_sales (
        device_id bigint, business_date date, occurred_at timestamptz, is_uncertain boolean,
        counts int, sales numeric, gross_sales numeric, refunds numeric, discounts numeric,
        tax numeric
    ) ON COMMIT DELETE ROWS
""")

_FILL = sa.text("""
    WITH sold AS (
        SELECT
            sales.*,
            sales.business_date AS stored_date,
            CASE
                WHEN sales.has_stated_date THEN sales.business_date
                ELSE CAST(
                    (sales.occurred_at AT TIME ZONE :time_zone)
                    - make_interval(hours => :cutoff_hour) AS date
                )
            END AS counted_date
        FROM app.devices AS devices
        INNER JOIN ingest.till_transactions AS sales ON sales.device_id = devices.id
        WHERE devices.mall_id = :mall_id AND sales.kind = ANY(:counted_kinds)
            AND sales.business_date BETWEEN :first_stored AND :last_stored
    ),

    taken_back AS (
        SELECT DISTINCT named.device_id, named.business_date, named.number
        FROM app.devices AS devices
        INNER JOIN ingest.till_transactions AS voids
            ON voids.device_id = devices.id AND voids.kind = 'VOID' AND voids.original_number <> ''
                AND voids.business_date BETWEEN :first_void AND :last_void
        CROSS JOIN LATERAL (
            SELECT sales.device_id, sales.business_date, sales.number
            FROM generate_series(-:reach, :reach) AS away
            INNER JOIN ingest.till_transactions AS sales
                ON sales.device_id = voids.device_id AND sales.number = voids.original_number
                    AND sales.business_date = voids.business_date + away
                    AND sales.kind <> 'VOID'
            ORDER BY abs(away), away LIMIT 1
        ) AS named
        WHERE devices.mall_id = :mall_id
    )

    INSERT INTO cleaning_sales
    SELECT
        sold.device_id, sold.counted_date, sold.occurred_at, sold.quality = 'UNCERTAIN',
        counted.times,
        sold.net_sales * counted.times,
        sold.gross_sales * counted.times,
        sold.refunds * counted.times,
        sold.discounts * counted.times,
        CASE sold.kind WHEN 'RETURN' THEN -sold.tax ELSE sold.tax END * counted.times
    FROM sold
    LEFT JOIN taken_back
        ON taken_back.device_id = sold.device_id AND taken_back.number = sold.number
            AND taken_back.business_date = sold.stored_date
    -- What was taken back counts nothing, yet says that the till was there.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN taken_back.number IS NULL THEN 1 ELSE 0 END AS times
    ) AS counted
    WHERE sold.counted_date = ANY(:dates)
""").bindparams(
    sa.bindparam("cutoff_hour", type_=sa.Integer),
    sa.bindparam("reach", VOID_REACH_DAYS, type_=sa.Integer),
    sa.bindparam("counted_kinds", sorted(kind.value for kind in COUNTED)),
)

_REACH = timedelta(days=VOID_REACH_DAYS)
# A changed cut-off moves a sale without a date of the till's own by no more than this.
_MOVED = timedelta(days=1)


def linked_dates(cleaning: Cleaning, first: date, last: date) -> set[date]:
    """Business dates on which a void between `first` and `last`, or one that names a transaction
    of these dates, may take something back.
    """
    return set(
        cleaning.connection.scalars(
            _LINKED,
            {
                "mall_id": cleaning.mall_id,
                "time_zone": cleaning.clock.time_zone,
                "cutoff_hour": cleaning.clock.cutoff_hour,
                "first_stored": first - _MOVED,
                "last_stored": last + _MOVED,
                "first_void": first - _MOVED - _REACH,
                "last_void": last + _MOVED + _REACH,
            },
        )
    )


def place_sales(cleaning: Cleaning, dates: list[date]) -> None:
    """Put what the transactions of these business dates come to into pg_temp.cleaning_sales."""
    cleaning.connection.execute(_CREATE)
    cleaning.connection.execute(sa.text("TRUNCATE pg_temp.cleaning_sales"))
    first, last = min(dates), max(dates)
    cleaning.run(
        _FILL,
        dates,
        first_stored=first - _MOVED,
        last_stored=last + _MOVED,
        first_void=first - _MOVED - _REACH,
        last_void=last + _MOVED + _REACH,
    )
