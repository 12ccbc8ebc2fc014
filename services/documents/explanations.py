"""A line's derivation in words that the payer can check with a pocket calculator.

Belongs here: one function per formula of `domain.derivations`, each giving sentences and the
short price for the table. Amounts are not computed again here: they stand on the line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.clauses import Breakpoint, TierKind
from domain.pricing import (
    adjustment,
    fixed_monthly,
    metered,
    one_off,
    per_area_day,
    per_area_month,
    percentage,
)
from domain.pricing.priced import value_of
from services.documents.labels import unit_sign
from services.language import CURRENCY_SIGNS, money, number, translator

Operands = Mapping[str, Any]


@dataclass(frozen=True)
class Explanation:
    """`price` is a few signs for a table's cell, `sentences` the whole reasoning."""

    price: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class _Words:
    """What every formula needs to speak."""

    translate: Callable[[str], str]
    locale: str
    currency: str

    def money(self, amount: Decimal) -> str:
        return money(amount, self.currency)

    def price(self, value: Decimal) -> str:
        """A price with as many decimals as it has: `¥0.8523`."""
        return CURRENCY_SIGNS.get(self.currency, f"{self.currency} ") + number(value)

    def prices(self, values: Sequence[Decimal], unit: str) -> str:
        """`¥0.4–1.2/kWh`, or one price when all are equal."""
        low, high = min(values), max(values)
        span = self.price(low) if low == high else f"{self.price(low)}–{number(high)}"
        return f"{span}/{self.unit(unit)}"

    def unit(self, unit: str) -> str:
        return unit_sign(unit, self.translate)

    def join(self, parts: Sequence[str]) -> str:
        return ("；" if self.locale == "zh_CN" else "; ").join(parts)


def explain(derivation: Mapping[str, Any], *, locale: str, currency: str) -> Explanation:
    """A stored derivation in words.

    Raises KeyError when its formula is unknown or an operand is missing: a bill that cannot
    say how it was computed must not be printed.
    """
    words = _Words(translator(locale, "documents"), locale, currency)
    explanation = _BY_FORMULA[derivation["formula"]](derivation["operands"], words)
    sources = _sources(derivation.get("sources", {}), words)
    # Tax on top stands in the table's own columns; tax that is already inside needs a word.
    tax = _tax_inside(derivation["tax"], words)
    return Explanation(explanation.price, (*explanation.sentences, *sources, *tax))


def percent(share: Decimal) -> str:
    """`0.09` → `9%`, `0.0005` → `0.05%`."""
    return f"{number(share * 100)}%"


def _fixed_monthly(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    amount = words.money(value_of(operands, "amount"))
    sentence = _("{amount} a month × {share} of the month").format(
        amount=amount, share=_share(operands)
    )
    return Explanation(f"{amount}/{_('month')}", (sentence + _factor(operands, words),))


def _per_area_month(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    rate = words.price(value_of(operands, "rate"))
    sentence = _("{rate} per ㎡ and month × {area} ㎡ × {share} of the month").format(
        rate=rate, area=number(value_of(operands, "area")), share=_share(operands)
    )
    return Explanation(f"{rate}/{_('㎡·month')}", (sentence + _factor(operands, words),))


def _per_area_day(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    rate = words.price(value_of(operands, "rate"))
    first, last = (int(operands[name]["value"].split("/")[0]) for name in ("before", "through"))
    sentence = _("{rate} per ㎡ and day × {area} ㎡ × {days} days").format(
        rate=rate, area=number(value_of(operands, "area")), days=last - first
    )
    return Explanation(f"{rate}/{_('㎡·day')}", (sentence + _factor(operands, words),))


def _one_off(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    amount = words.money(value_of(operands, "amount"))
    return Explanation(amount, (_("{amount} once").format(amount=amount),))


def _adjustment(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    sentence = _("{due} is due by the terms as changed; {billed} was billed before").format(
        due=words.money(value_of(operands, "due")), billed=words.money(value_of(operands, "billed"))
    )
    return Explanation(_("difference"), (sentence,))


def _percentage(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    tiers = operands["tiers"]
    rates = [Decimal(tier["rate"]) for tier in tiers]
    sentences = [
        _("Sales of the settlement period: {sales}").format(
            sales=words.money(value_of(operands, "sales"))
        )
    ]
    if len(tiers) > 1:
        bands = words.join(
            [
                _band(tier["up_to"], percent(Decimal(tier["rate"])), words.money, words)
                for tier in tiers
            ]
        )
        kind = (
            _("each band at its own rate")
            if operands["tier_kind"] == TierKind.MARGINAL
            else _("the band reached prices all sales")
        )
        sentences.append(_("Rates: {bands} ({kind})").format(bands=bands, kind=kind))
    else:
        sentences.append(_("Rate: {rate}").format(rate=percent(rates[0])))
    sentences += _breakpoint(operands, rates, words)
    part, whole = operands["scale"]["value"].split("/")
    if part != whole:
        sentences.append(
            _("In force for {part} of the settlement period").format(part=f"{part}/{whole}")
        )
    for name, pattern in (
        ("minimum", _("At least {amount}")),
        ("maximum", _("At most {amount}")),
    ):
        if name in operands:
            sentences.append(pattern.format(amount=words.money(value_of(operands, name))))
    billed = value_of(operands, "billed")
    if billed:
        sentences.append(
            _("Less {amount} billed earlier for the same settlement period").format(
                amount=words.money(billed)
            )
        )
    low, high = min(rates), max(rates)
    price = percent(low) if low == high else f"{percent(low)}–{percent(high)}"
    return Explanation(price, tuple(sentences))


def _breakpoint(operands: Operands, rates: Sequence[Decimal], words: _Words) -> list[str]:
    _ = words.translate
    match Breakpoint(operands["breakpoint"]):
        case Breakpoint.NONE:
            return []
        case Breakpoint.ARTIFICIAL:
            return [
                _("Charged on what exceeds the agreed breakpoint {amount}").format(
                    amount=words.money(value_of(operands, "breakpoint_amount"))
                )
            ]
        case Breakpoint.NATURAL:
            base = words.money(value_of(operands, "base"))
            if "natural_breakpoint" not in operands:
                return [_("Charged above the base rent {base}").format(base=base)]
            return [
                _(
                    "Charged on what exceeds the natural breakpoint {amount} = {base} ÷ {rate}"
                ).format(
                    amount=words.money(value_of(operands, "natural_breakpoint")),
                    base=base,
                    rate=percent(rates[0]),
                )
            ]


def _metered_flat(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    unit = _unit_of(operands)
    price = value_of(operands, "price")
    sentence = _("{price} per {unit}").format(price=words.price(price), unit=words.unit(unit))
    return Explanation(words.prices([price], unit), (*_meters(operands, words), sentence))


def _metered_tiered(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    unit = _unit_of(operands)
    tiers = operands["tiers"]

    def amount(up_to: Decimal) -> str:
        return f"{number(up_to)} {words.unit(unit)}"

    bands = [
        _band(tier["up_to"], words.price(Decimal(tier["price"])), amount, words) for tier in tiers
    ]
    sentences = [*_meters(operands, words), _("Tiers: {bands}").format(bands=words.join(bands))]
    part, whole = operands["share"]["value"].split("/")
    if part != whole:
        sentences.append(
            _("The tiers' bounds count for {part} of the month").format(part=f"{part}/{whole}")
        )
    prices = [Decimal(tier["price"]) for tier in tiers]
    return Explanation(words.prices(prices, unit), tuple(sentences))


def _metered_time_of_use(operands: Operands, words: _Words) -> Explanation:
    _ = words.translate
    unit = _unit_of(operands)
    bands = operands["bands"]
    sentences = list(_meters(operands, words))
    for band in bands:
        sentences.append(
            _("{name} {start}:00–{end}:00: {used} {unit} × {price}").format(
                name=band["name"],
                start=band["from_hour"],
                end=band["to_hour"],
                used=number(value_of(band, "consumption")),
                unit=words.unit(unit),
                price=words.price(Decimal(band["price"])),
            )
        )
    prices = [Decimal(band["price"]) for band in bands]
    return Explanation(words.prices(prices, unit), tuple(sentences))


def _meters(operands: Operands, words: _Words) -> tuple[str, ...]:
    _ = words.translate
    sentences = [
        _("Meter {code}: {used} {unit} × ratio {ratio}").format(
            code=meter["device"],
            used=number(value_of(meter, "consumption")),
            unit=words.unit(meter["consumption"]["unit"]),
            ratio=number(Decimal(meter["ratio"])),
        )
        + _estimated(meter, words)
        for meter in operands["meters"]
    ]
    loss = value_of(operands, "loss")
    if loss:
        sentences.append(_("Plus {share} for losses on the line").format(share=percent(loss)))
    return tuple(sentences)


def _estimated(meter: Mapping[str, Any], words: _Words) -> str:
    """What a payer may ask about: how much of the quantity nobody has measured."""
    _ = words.translate
    if "estimated" not in meter:
        return ""
    return _(", of it {used} {unit} estimated").format(
        used=number(value_of(meter, "estimated")), unit=words.unit(meter["estimated"]["unit"])
    )


def _unit_of(operands: Operands) -> str:
    return str(operands["meters"][0]["consumption"]["unit"])


def _band(up_to: str | None, price: str, amount: Callable[[Decimal], str], words: _Words) -> str:
    _ = words.translate
    if up_to is None:
        return _("above that {price}").format(price=price)
    return _("up to {amount} {price}").format(amount=amount(Decimal(up_to)), price=price)


def _share(operands: Operands) -> str:
    """`19/28`: the days billed by this line over the month's."""
    before, whole = operands["before"]["value"].split("/")
    through = operands["through"]["value"].split("/")[0]
    return f"{int(through) - int(before)}/{whole}"


def _factor(operands: Operands, words: _Words) -> str:
    _ = words.translate
    factor = value_of(operands, "factor")
    if factor == 1:
        return ""
    if factor == 0:
        return _(" × 0 (rent-free period)")
    return f" × {number(factor)}"


def _sources(sources: Mapping[str, Any], words: _Words) -> list[str]:
    _ = words.translate
    sentences = []
    if "month" in sources:
        month = sources["month"]
        pattern = (
            _("Adjusts {first} – {last}, billed in {bills}")
            if sources["billed"]
            else _("Adjusts {first} – {last}")
        )
        sentences.append(
            pattern.format(
                first=month["first"], last=month["last"], bills=", ".join(sources["billed"])
            )
        )
    if "sales" in sources:
        sales = sources["sales"]
        sentences.append(
            _("From the sales of {days} complete days of {expected}, {first} – {last}").format(
                days=sales["days"],
                expected=sales["days_expected"],
                first=sales["first"],
                last=sales["last"],
            )
        )
    if "tariff" in sources:
        tariff = sources["tariff"]
        sentences.append(
            _("Tariff {code}, in force since {day}").format(
                code=tariff["code"], day=tariff["valid_from"]
            )
        )
    return sentences


def _tax_inside(tax: Mapping[str, Any], words: _Words) -> list[str]:
    _ = words.translate
    if not tax["is_inclusive"]:
        return []
    return [
        _("The amount computed includes tax at {rate}").format(rate=percent(Decimal(tax["rate"])))
    ]


_BY_FORMULA: dict[str, Callable[[Operands, _Words], Explanation]] = {
    fixed_monthly.FORMULA: _fixed_monthly,
    per_area_month.FORMULA: _per_area_month,
    per_area_day.FORMULA: _per_area_day,
    percentage.FORMULA: _percentage,
    metered.FLAT: _metered_flat,
    metered.TIERED: _metered_tiered,
    metered.TIME_OF_USE: _metered_time_of_use,
    one_off.FORMULA: _one_off,
    adjustment.FORMULA: _adjustment,
}
