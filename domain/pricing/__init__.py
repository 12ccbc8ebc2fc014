"""The ways of charging, one file each.

Each has `price(...)`, which returns an amount with the operands it came from, and
`recompute(operands)`, which gets the same amount from those operands alone, as they were stored.
Both go through the same arithmetic; `domain.derivations` lists them by formula.
"""
