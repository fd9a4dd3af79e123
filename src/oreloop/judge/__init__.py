"""Read-only judgement: supply security, claims against public anchors, and what a plan leans on."""

from oreloop.judge.claims import check_claims
from oreloop.judge.concentration import effective_share, hhi, hhi_wgi, import_dependence, normalised_hhi
from oreloop.judge.exposure import countries, country_exposure
from oreloop.judge.security import effective_supply, figures

__all__ = [
    "check_claims",
    "countries",
    "country_exposure",
    "effective_share",
    "effective_supply",
    "figures",
    "hhi",
    "hhi_wgi",
    "import_dependence",
    "normalised_hhi",
]
