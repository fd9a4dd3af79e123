"""Small changes of a folder of tables, and what its plan costs."""

from __future__ import annotations

from oreloop.plan import Plan, solve

DEMAND = "site,material,period,quantity_kg\n"


def rewritten(path, old, new):
    text = path.read_bytes().decode("utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def cost(network):
    found = solve(network)
    assert isinstance(found, Plan)
    return found.objective


def limited(folder, *limits):
    """Add limits to a folder of tables."""
    head = "limit,metric,scope,sense,value,unit,kind\n"
    (folder / "limits.csv").write_text(head + "\n".join(limits), "utf-8")
    return folder
