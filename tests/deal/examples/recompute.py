"""Recompute the worked examples with nothing but the standard library: the same results, no shared code.

Prints JSON: for each example the rounded total of each batch in minor units, the deposit, and metal due back in mg.
"""

import json
import sys
import tomllib
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path

getcontext().prec = 60
HERE = Path(__file__).parent
GRAMS = {"kg": Decimal(1000), "ozt": Decimal("31.1034768")}
SHARES = {"%": Decimal(100), "ppm": Decimal(10**6), "mg/kg": Decimal(10**6), "ppb": Decimal(10**9)}


def cents(amount, rule):
    how = ROUND_HALF_EVEN if rule == "half_even" else ROUND_HALF_UP
    return int((amount * 100).quantize(Decimal(1), rounding=how))


def next_month(day):
    return (day.replace(day=1) + timedelta(days=32)).strftime("%Y-%m")


def contained(row, assays):
    for value in assays:
        if value["analyte"] == row["element"]:
            exact = row["dry_mg"] * Decimal(value["value"]) / SHARES[value["unit"]]
            return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    return row["contained_mg"]


def platinum(terms, facts):
    price, totals = terms["price"], {}
    for row in facts["deliveries"]:
        average = Decimal(facts["fixings"][next_month(date.fromisoformat(row["time"][:10]))])
        paid = min(max(average + Decimal(price["premium"]), Decimal(price["floor"])), Decimal(price["cap"]))
        ounces = Decimal(contained(row, facts["assays"][row["batch"]])) / 1000 / GRAMS["ozt"]
        value = ounces * Decimal(price["payable_share"]) * paid
        totals[row["batch"]] = cents(value * (1 + Decimal(price["tax_rate"])), terms["contract"]["rounding"])
    return {"totals": totals}


def iridium(terms, facts):
    price, late, carbon, totals = terms["price"], terms["late"], terms["carbon"], {}
    tax = 1 + Decimal(price["tax_rate"])
    for row in facts["deliveries"]:
        kg = Decimal(row["contained_mg"]) / 10**6
        value = kg * Decimal(price["price"])
        days = max((date.fromisoformat(row["time"][:10]) - terms["delivery"]["to"]).days, 0)
        damages = value * min(days * Decimal(late["share_per_day"]), Decimal(late["cap_share"]))
        saved = kg * Decimal(carbon["target_kg_per_kg"]) - Decimal(facts["footprint"][row["batch"]]) / 1000
        most = value * Decimal(carbon["cap_share"])
        earned = saved * Decimal(carbon["bonus_per_kg"] if saved > 0 else carbon["malus_per_kg"])
        bonus = max(-most, min(most, earned))
        totals[row["batch"]] = cents((value + bonus) * tax - damages, terms["contract"]["rounding"])
    kg = Decimal(terms["contract"]["quantity"].split()[0])
    deposit = cents(kg * Decimal(price["price"]) * Decimal(terms["deposit"]["share"]) * tax, "half_even")
    return {"totals": totals, "deposit": deposit}


def toll(terms, facts):
    feed = [row for row in facts["deliveries"] if row["site"] == terms["contract"]["site"]]
    back = [row for row in facts["deliveries"] if row["site"] == terms["toll"]["return_site"]]
    charge = Decimal(feed[0]["dry_mg"]) / 10**6 * Decimal(terms["toll"]["treatment"])
    total, due = charge * (1 + Decimal(terms["toll"]["tax_rate"])), {}
    for row in feed:
        rule = next(each for each in terms["toll"]["returns"] if each["element"] == row["element"])
        metal = contained(row, facts["assays"][row["batch"]]) * Decimal(rule["returned_share"])
        if rule["settled_in"] == "metal":
            came = sum(each["contained_mg"] for each in back if each["element"] == row["element"])
            due[row["element"]] = int(metal) - came
        else:
            total -= metal / 10**6 * Decimal(rule["price"])
    return {"totals": {feed[0]["batch"]: cents(total, terms["contract"]["rounding"])}, "metal_due_mg": due}


def main():
    facts = json.loads((HERE / "evidence.json").read_text("utf-8"))
    ways = {"platinum-sponge": platinum, "iridium-offtake": iridium, "catalyst-toll": toll}
    return {
        name: way(tomllib.loads((HERE / f"{name}.toml").read_text("utf-8")), facts[name]) for name, way in ways.items()
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
