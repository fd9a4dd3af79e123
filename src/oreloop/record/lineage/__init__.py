"""Lineage as a matrix: origins, recycled shares, costs and footprints of all batches.

::

    lineage = Lineage.of(state)
    lineage.origins()
    lineage.footprint(factors, "economic")

`numbering` gives batches, steps and elements of a state, or of `tables`, their numbers, and `graph` holds them; `content`
and `footprint` are the two matrices, solved by `triangle`; `allocation` shares a burden between co-products; `spread` is
Monte Carlo over the default factors; `apportion` splits whole masses.
"""

from oreloop.record.lineage.allocation import Allocation
from oreloop.record.lineage.lineage import Lineage
from oreloop.record.lineage.tables import Tables

__all__ = ["Allocation", "Lineage", "Tables"]
