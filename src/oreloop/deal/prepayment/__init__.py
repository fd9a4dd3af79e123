"""Money that a buyer pays long before the metal, with interest until it is back: day counts, days of payment, the clause."""
