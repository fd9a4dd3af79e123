"""Data reconciliation: the values closest to what was measured that close all balances, and what to suspect.

::

    flowsheet = Flowsheet.of_frames(streams, balances)      # or Flowsheet.of(state, ["Ir"])
    result = reconcile(flowsheet)
    result.chi_square, result.p_value                       # do the measurements agree at all?
    result.streams()                                        # adjusted values and their uncertainty
    result.tests()                                          # which weighing or assay is suspect
    result.leaks()                                          # where metal is missing, and how much
"""

from oreloop.record.reconciliation.flowsheet import Flowsheet, Readings
from oreloop.record.reconciliation.result import Reconciliation, reconcile

__all__ = ["Flowsheet", "Readings", "Reconciliation", "reconcile"]
