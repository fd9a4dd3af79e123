"""Commercial terms of the metal trade: small frozen clauses, each of which yields exact lines of an invoice.

Payable metal, refining and treatment charges, penalties, quotational periods, recycled content, take-or-pay, interest
and early-settlement discount. A contract file holds their tables; nothing of money is assumed.
"""
