"""Money: integer minor units and a currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput

MINOR_DIGITS: dict[str, int] = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "EUR": 2, "GBP": 2, "HKD": 2, "INR": 2,
    "JPY": 0, "KRW": 0, "KZT": 2, "MXN": 2, "NOK": 2, "PLN": 2, "RUB": 2, "SEK": 2, "USD": 2, "ZAR": 2,
}  # fmt: skip
"""Decimal places of the minor unit by ISO 4217 code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units (cent, fen) of one currency.

    >>> Money.of(Fraction("12.345"), "CNY")
    Money(amount_minor=1234, currency='CNY')
    """

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, amount: Fraction | Decimal | int, currency: str) -> Money:
        """Round an exact amount in major units half to even.

        Raises:
            BadInput: ``base.unknown_currency``, or ``base.money_range`` beyond 2^53 minor units.
        """
        whole = round(Fraction(amount) * 10 ** minor_digits(currency))
        if abs(whole) > SAFE_INTEGER:
            raise BadInput.of("base.money_range", got=amount, currency=currency)
        return cls(amount_minor=whole, currency=currency)

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise BadInput.of("base.unlike_currencies", first=self.currency, second=other.currency)
        return Money(amount_minor=self.amount_minor + other.amount_minor, currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount_minor=-self.amount_minor, currency=self.currency)

    def __str__(self) -> str:
        digits = minor_digits(self.currency)
        return f"{Decimal(self.amount_minor).scaleb(-digits):,.{digits}f} {self.currency}"


def minor_digits(currency: str) -> int:
    """Give the decimal places of a currency's minor unit.

    Raises:
        BadInput: ``base.unknown_currency``.
    """
    if currency not in MINOR_DIGITS:
        raise BadInput.of("base.unknown_currency", got=currency, expected=", ".join(MINOR_DIGITS))
    return MINOR_DIGITS[currency]
