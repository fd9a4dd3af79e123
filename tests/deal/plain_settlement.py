"""Settle the worked examples of commercial terms with whole numbers and fractions only: no code shared with the room.

Prints JSON: for each example the rounded lines and the total of each batch in minor units, metal due back in mg, and
what punctuality adds.
"""

import json
import sys
import tomllib
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent / "examples" / "charges"
MG = {"kg": Fraction(10**6), "t": Fraction(10**9), "ozt": Fraction("31103.4768"), "lb": Fraction("453592.37")}
PART = {"%": Fraction(1, 100), "g/t": Fraction(1, 10**6)}


def cents(amount):
    return round(amount * 100)


def per(row, key):
    return MG[row[key].split("/")[1]]


def batches(facts, site):
    found = {}
    for row in facts["deliveries"]:
        if row["site"] == site:
            found.setdefault(row["batch"], row)
    return found


def contents(facts, batch):
    return {each["analyte"]: Fraction(each["value"]) * PART[each["unit"]] for each in facts["assays"][batch]}


def payable(row, share, dry, content):
    metal = round(dry * content)
    least = Fraction(row.get("minimum_deduction", "0")) * PART[row.get("deduction_unit", "%")]
    return max(Fraction(0), min(metal * share, metal - dry * least))


def refining(row, mass):
    units, done, charge = mass / per(row, "refining_unit"), Fraction(0), Fraction(0)
    for tier in row.get("refining_tiers") or [{"charge": row["refining"]}]:
        upper = min(units, Fraction(tier["to"])) if "to" in tier else units
        charge += (upper - done) * Fraction(tier["charge"])
        done = upper
    return charge


def penalties(terms, dry, content):
    for row in terms["penalties"]:
        over = content[row["analyte"]] / PART[row["unit"]] - Fraction(row["from"])
        steps = max(Fraction(0), over / Fraction(row["per"]))
        if row["steps"] == "full":
            steps = Fraction(steps.numerator // steps.denominator)
        if steps:
            yield row["analyte"], steps * Fraction(row["charge"]) * dry / per(row, "charge_unit")


def toll(terms, facts):
    said = terms["toll"]
    out = {}
    for batch, row in batches(facts, terms["contract"]["site"]).items():
        dry, content = row["dry_mg"], contents(facts, batch)
        lines, cash, due = [("treatment", dry / per(said, "unit") * Fraction(said["treatment"]))], [], {}
        for each in said["returns"]:
            mass = payable(each, Fraction(each["returned_share"]), dry, content[each["element"]])
            lines.append((f"refining {each['element']}", refining(each, mass)))
            if each["settled_in"] == "cash":
                cash.append((f"returns {each['element']}", -mass / per(each, "unit") * Fraction(each["price"])))
            else:
                due[each["element"]] = mass.numerator // mass.denominator
        lines += [(f"penalty {name}", amount) for name, amount in penalties(terms, dry, content)]
        lines += [("tax", sum(amount for _, amount in lines) * Fraction(said["tax_rate"])), *cash]
        total = cents(sum(amount for _, amount in lines))
        out[batch] = {"lines": {name: cents(amount) for name, amount in lines}, "total": total, "metal_due_mg": due}
    return {"batches": out}


def month(day, later):
    count = day.year * 12 + day.month - 1 + later
    return f"{count // 12}-{count % 12 + 1:02d}"


def price(row, terms, facts, day):
    if row["kind"] == "fixed":
        return Fraction(row["price"])
    months = [month(day, later) for later in terms["quotation"]["months"]]
    average = sum(Fraction(facts["fixings"][row["series"]][each]) for each in months) / len(months)
    if "base" in row:
        average = Fraction(row["base"]) + Fraction(row["pass_share"]) * (average - Fraction(row["base"]))
    found = average + Fraction(row["premium"])
    found = max(found, Fraction(row["floor"])) if "floor" in row else found
    return min(found, Fraction(row["cap"])) if "cap" in row else found


def sale(terms, facts):
    out, dues = {}, []
    for batch, row in batches(facts, terms["contract"]["site"]).items():
        dry, content, day = row["dry_mg"], contents(facts, batch), date.fromisoformat(row["time"][:10])
        prices = {each["element"]: price(each, terms, facts, day) for each in terms["payables"]}
        lines = []
        for each in terms["payables"]:
            name = each["element"]
            mass = payable(each, Fraction(each["payable_share"]), dry, content[name])
            lines.append((f"payable {name}", mass / per(each, "unit") * prices[name]))
            lines.append((f"refining {name}", -refining(each, mass)))
        value = sum(amount for name, amount in lines if name.startswith("payable"))
        follow = terms["treatment"]["participation"]
        over = prices[follow["element"]] - Fraction(follow["base"])
        rate = Fraction(terms["treatment"]["charge"]) + over * Fraction(follow["above" if over > 0 else "below"])
        lines.append(("treatment", -dry / per(terms["treatment"], "unit") * max(Fraction(0), rate)))
        lines += [(f"penalty {name}", -amount) for name, amount in penalties(terms, dry, content)]
        element, clause = terms["contract"]["element"], terms["recycled"]
        share = Fraction(str(facts["recycled"][batch][element]))
        over = (share - Fraction(clause["target_share"])) * round(dry * content[element]) / 10**6
        bonus = over * Fraction(clause["bonus_per_kg" if over > 0 else "malus_per_kg"])
        most = value * Fraction(clause["cap_share"])
        lines.append(("recycled", max(-most, min(most, bonus))))
        lines.append(("tax", sum(amount for _, amount in lines) * Fraction(terms["tax"]["tax_rate"])))
        days = max(0, (day - terms["delivery"]["to"]).days)
        if days:
            late = min(days * Fraction(terms["late"]["share_per_day"]), Fraction(terms["late"]["cap_share"]))
            lines.append(("late", -value * late))
        total = cents(sum(amount for _, amount in lines))
        out[batch] = {"lines": {name: cents(amount) for name, amount in lines}, "total": total}
        accepted = date.fromisoformat(facts["accepted"][batch][:10])
        year, number = map(int, month(day, max(terms["quotation"]["months"]) + 1).split("-"))
        dues.append((max(accepted, date(year, number, 1) - timedelta(days=1)), batch, total))
    return {"batches": out, **punctuality(terms, facts, sorted(dues))}


def punctuality(terms, facts, dues):
    paid = [(date.fromisoformat(each["day"]), each["amount_minor"]) for each in facts["paid"]]
    discounts, before, owed = {}, 0, []
    share, within, days = Fraction(terms["discount"]["share"]), terms["discount"]["days"], terms["payment"]["days"]
    for invoiced, batch, total in dues:
        there = sum(amount for day, amount in paid if (day - invoiced).days <= within)
        owed.append((invoiced + timedelta(days=days), total))
        before += total
        if there >= before - round(total * share):
            discounts[batch] = -round(total * share)
            before += discounts[batch]
            owed.append((invoiced + timedelta(days=days), discounts[batch]))
    # Day by day: slow, and plain.
    day, last, minor_days = min(due for due, _ in owed), date(2026, 12, 31), 0
    while day < last:
        position = sum(amount for due, amount in owed if due <= day) - sum(amount for at, amount in paid if at <= day)
        minor_days += max(0, position)
        day += timedelta(days=1)
    interest = minor_days * Fraction(terms["interest"]["rate_per_year"]) / terms["interest"]["day_count"]
    return {"discounts": discounts, "interest": round(interest)}


def main():
    out = {}
    for name, way in (("autocatalyst-toll", toll), ("concentrate-sale", sale)):
        terms = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))
        out[name] = way(terms, json.loads((HERE / f"{name}.json").read_text("utf-8")))
    return out


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)
