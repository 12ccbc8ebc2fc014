"""The mall's rules: pure, standard library only, no clock and no I/O.

Everything here is a value or a function of values. Dates and instants are passed in,
money is `Decimal`, and nothing imports another room of the house.
"""
