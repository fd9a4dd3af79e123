"""The closed word lists of EPCIS 2.0 and CBV 2.0, as far as they are checked."""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ACTIONS = frozenset({"OBSERVE", "ADD", "DELETE"})

BIZ_STEPS = _words("""accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
    decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
    installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
    retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
    unloading unpacking void_shipping""")

DISPOSITIONS = _words("""active available completeness_inferred completeness_verified conformant container_closed container_open damaged
    destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance
    mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed
    recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable
    unknown""")

TRANSACTION_TYPES = _words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt")

PARTY_TYPES = frozenset({"owning_party", "possessing_party", "location"})

ERROR_REASONS = frozenset({"did_not_occur", "incorrect_data"})

STATUSES = frozenset({"measured", "derived", "assumed", "illustrative", "unstated"})
"""How well a number is known; ours, not of CBV."""

ALLOCATIONS = frozenset({"mass", "metal"})
"""How emissions are shared between co-products; ours, not of CBV."""

RECYCLED_KINDS = frozenset({"pre_consumer", "post_consumer"})
"""Where scrap comes from (ISO 14021, 7.8.1.1)."""
