"""The one double-entry kernel: metal by element and money by currency move through the same accounts.

`oreloop.record` posts milligrams through it and `oreloop.deal` minor units of money. It knows neither.
"""

from oreloop.ledger.entries import INSTANT_MAX, INTEGER_MAX, Account, Balance, Kind, Result, Transfer
from oreloop.ledger.kernel import FAILS_FOR_GOOD, Ledger

__all__ = ["FAILS_FOR_GOOD", "INSTANT_MAX", "INTEGER_MAX", "Account", "Balance", "Kind", "Ledger", "Result", "Transfer"]
