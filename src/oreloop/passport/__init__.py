"""The passport of a batch: everything known of it with its proofs, and for each audience its part of it.

::

    passport = passport_of("ir-5n-001", state, Lineage.of(state), factors=factors, proofs=proofs)
    as_json(disclose(passport, "public"))
"""

from oreloop.passport.disclose import as_csv, as_json, disclose, leaves
from oreloop.passport.fields import TIERS, Field, Tier, fields, sections
from oreloop.passport.link import RESOLVER, link_of
from oreloop.passport.passport import PASSPORT_TYPE, Particulars, Passport, passport_of
from oreloop.passport.proof import Proved

__all__ = [
    "PASSPORT_TYPE",
    "RESOLVER",
    "TIERS",
    "Field",
    "Particulars",
    "Passport",
    "Proved",
    "Tier",
    "as_csv",
    "as_json",
    "disclose",
    "fields",
    "leaves",
    "link_of",
    "passport_of",
    "sections",
]
