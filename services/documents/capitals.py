"""大写金额: an amount of money in the capital numerals that Chinese papers carry, because they
cannot be altered with a stroke. Rules as in 《支付结算办法》 annex 1.
"""

from decimal import Decimal

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def capital_amount(amount: Decimal) -> str:
    """`1234.50` → 壹仟贰佰叁拾肆元伍角整; negative amounts begin with 负.

    Raises ValueError beyond 10^16 or with fractions of a cent.
    """
    cents = abs(amount) * 100
    if cents != cents.to_integral_value() or cents >= 10**18:
        raise ValueError(f"no capital numerals for {amount}")
    whole, rest = divmod(int(cents), 100)
    dimes, pennies = divmod(rest, 10)
    words = _integer(whole) + "元" if whole else ""
    if not rest:
        words = (words or "零元") + "整"
    else:
        if dimes:
            words += _DIGITS[dimes] + "角"
        elif words:
            words += "零"
        words += _DIGITS[pennies] + "分" if pennies else "整"
    return ("负" if amount < 0 else "") + words


def _integer(value: int) -> str:
    words = ""
    is_gap = False
    for group in reversed(range(4)):
        part = value // 10 ** (4 * group) % 10_000
        if part == 0:
            is_gap = bool(words)
            continue
        # A missing thousand inside the number is read as one 零.
        if words and (is_gap or part < 1_000):
            words += "零"
        words += _group(part) + _GROUPS[group]
        is_gap = False
    return words


def _group(value: int) -> str:
    words = ""
    is_gap = False
    for place in reversed(range(4)):
        digit = value // 10**place % 10
        if digit == 0:
            is_gap = bool(words)
            continue
        words += ("零" if is_gap else "") + _DIGITS[digit] + _PLACES[place]
        is_gap = False
    return words
