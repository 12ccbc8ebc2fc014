"""From clauses to lines: which days of a month each kind of charge is billed for.

How an amount comes of those days belongs to `domain.pricing`, the bill to `domain.bill_run`.
"""
