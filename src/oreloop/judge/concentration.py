"""Concentration of supply and dependence on it: definitions, each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def hhi(amounts: Sequence[float], *, whole: float | None = None) -> float:
    """Give the Herfindahl-Hirschman index: the sum of squared percentage shares, 0 to 10,000.

    Source: Hirschman 1964, The Paternity of an Index; in per cent as in the US Horizontal Merger Guidelines.

    Args:
        amounts: one for each supplier, none negative, any unit.
        whole: total that the shares refer to, if more is known than the suppliers; the unknown rest counts as many small
            ones, so that the index is a lower bound. Default: the sum.

    >>> hhi([1, 1])
    5000.0
    """
    total = max(sum(amounts), whole or 0.0)
    return 10_000 * sum((amount / total) ** 2 for amount in amounts) if total else 0.0


def normalised_hhi(index: float, suppliers: int) -> float:
    """Scale an index to 0 (all alike) to 1 (one supplier), so that different numbers of suppliers compare.

    (H - 1/n) / (1 - 1/n) with H between 0 and 1; a single supplier gives 1.

    >>> normalised_hhi(5000.0, 2)
    0.0
    """
    if suppliers <= 1:
        return 1.0
    return max((index / 10_000 - 1 / suppliers) / (1 - 1 / suppliers), 0.0)


def hhi_wgi(amounts: Mapping[str, float], risk: Mapping[str, float], *, whole: float | None = None) -> float | None:
    """Give concentration times governance risk: the sum of share^2 x scaled WGI, 0 (none) to 10 (one worst country).

    Source: European Commission 2017, Methodology for establishing the EU list of critical raw materials,
    HHI(WGI), here without its trade parameter t. WGI is scaled linearly so that the worst estimate (-2.5) gives 10 and
    the best (2.5) gives 0.

    Args:
        amounts: by country.
        risk: governance risk by country, 0 (best) to 1 (worst).
        whole: as in `hhi`.

    Returns:
        None when a country has no risk figure.

    >>> hhi_wgi({"ZAF": 3.0, "RUS": 1.0}, {"ZAF": 0.5, "RUS": 0.7})
    3.25
    """
    total = max(sum(amounts.values()), whole or 0.0)
    if not total or any(country not in risk for country in amounts):
        return None
    return sum((amount / total) ** 2 * 10 * risk[country] for country, amount in amounts.items())


def import_dependence(production: float, imports: float, exports: float) -> float | None:
    """Give net imports as a share of apparent consumption; below 0 for a net exporter.

    (imports - exports) / (production + imports - exports). Source: European Commission 2017 (as above),
    import reliance. Imports into stock count as consumption, so a year of stock building reads too high.

    Returns:
        None when apparent consumption is not above 0.

    >>> import_dependence(10.0, 95.0, 5.0)
    0.9
    """
    consumption = production + imports - exports
    return (imports - exports) / consumption if consumption > 0 else None


def effective_share(qualified: float, demand: float) -> float | None:
    """Give the share of demand that qualified domestic sources can cover, 0 to 1.

    Effective, not nominal: what is not qualified by its user does not count, nor does what exceeds the demand.

    >>> effective_share(0.23, 1.9) < 0.1211
    True
    """
    return min(qualified, demand) / demand if demand > 0 else None
