"""The ground floor: quantities, money, time, identifiers, errors, texts and canonical bytes.

Standard library and msgspec only; every other room may import this one, and it imports none.
"""
