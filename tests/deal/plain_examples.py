"""Settle the contracts of docs/examples/deals with whole numbers and fractions only: no code shared with the room.

Reads the files that a user has (terms, signed events, receipts, footprints) and prints JSON: for each contract its masses,
settled assays, every invoice line in minor units, totals, deposit, interest, and metal due back in mg.
"""

import csv
import json
import sys
import tomllib
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
MG = {"kg": Fraction(10**6), "ozt": Fraction("31103.4768")}
PART = {"%": Fraction(1, 100), "g/t": Fraction(1, 10**6), "ppm": Fraction(1, 10**6)}


def cents(amount):
    return round(amount * 100)


def per(unit):
    return MG[unit.split("/")[1]]


def table(name):
    with (HERE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def said(name, kind):
    lines = (HERE / f"{name}.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return [each for each in events if each["type"] == f"oreloop.{kind}/1"]


def receipts(name, site):
    rows = [row for row in table("deliveries.csv") if row["contract"] == name and row["site"] == site]
    return {row["batch"]: date.fromisoformat(row["time"][:10]) for row in rows}, rows


def accepted(name, batch):
    (event,) = [each for each in said(name, "accepted") if each["body"]["batch"] == batch]
    return date.fromisoformat(event["at"][:10])


def month(day, later):
    count = day.year * 12 + day.month - 1 + later
    return f"{count // 12}-{count % 12 + 1:02d}"


def end_of(name):
    year, number = map(int, name.split("-"))
    return date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)


def average(name, series, months):
    fixed = {
        (each["body"]["series"], each["body"]["period"]): Fraction(each["body"]["value"])
        for each in said(name, "price_fixed")
    }
    return sum(fixed[series, each] for each in months) / len(months)


def bounded(price, row):
    price += Fraction(row["premium"])
    return min(max(price, Fraction(row["floor"])), Fraction(row["cap"]))


def sponge():
    name = "pt-sponge-2026"
    terms = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))
    seller, buyer, price = terms["contract"]["seller"], terms["contract"]["buyer"], terms["price"]
    (analyte,) = terms["exchange"]["analytes"]
    days, _ = receipts(name, terms["contract"]["site"])
    out, dues = {}, []
    for batch, day in days.items():
        scales = {each["by"]: each["body"] for each in said(name, "weighed") if each["body"]["batch"] == batch}
        dry = {by: round(said["wet_mg"] * (1 - Fraction(said["moisture"]))) for by, said in scales.items()}
        apart, franchise = abs(dry[seller] - dry[buyer]), dry[seller] * Fraction(terms["weights"]["franchise_share"])
        counted = dry[seller] if apart <= franchise else round(Fraction(sum(dry.values()), 2))
        shown = {
            each["by"]: Fraction(each["body"]["values"][0]["value"])
            for each in said(name, "assay_revealed")
            if each["body"]["batch"] == batch
        }
        settled, cost = (shown[seller] + shown[buyer]) / 2, {}
        if abs(shown[seller] - shown[buyer]) > Fraction(analyte["splitting_limit"]):
            (judged,) = [each for each in said(name, "umpire_assayed") if each["body"]["batch"] == batch]
            umpire = Fraction(judged["body"]["values"][0]["value"])
            near, far = sorted((seller, buyer), key=lambda party: abs(shown[party] - umpire))
            settled = (umpire + shown[near]) / 2  # rule 4; nobody is equally far here
            cost = {far: cents(Fraction(terms["exchange"]["umpire_cost"]))}
        contained = round(counted * settled / 100)
        paid = bounded(average(name, price["series"], [month(day, price["month"])]), price)
        value = contained / per(price["unit"]) * Fraction(price["payable_share"]) * paid
        tax = value * Fraction(price["tax_rate"])
        total = cents(value + tax)
        (recorded,) = [int(row["contained_mg"]) for row in table("deliveries.csv") if row["batch"] == batch]
        early = Fraction(terms["payment"]["provisional_price"]) * Fraction(terms["payment"]["provisional_share"])
        ahead = recorded / per(price["unit"]) * Fraction(price["payable_share"]) * early
        out[batch] = {
            "dry_mg": dry | {"counted": counted, "apart": apart, "franchise": str(franchise)},
            "settled": str(settled),
            "contained_mg": contained,
            "umpire": cost,
            "price": str(paid),
            "provisional": cents(ahead * (1 + Fraction(price["tax_rate"]))),
            "lines": {"price": cents(value), "tax": cents(tax)},
            "total": total,
        }
        since = max(accepted(name, batch), end_of(month(day, price["month"])))
        dues.append((since + timedelta(days=terms["payment"]["days"]), total))
    return {"batches": out, "interest": interest(name, terms, dues)}


def interest(name, terms, dues):
    paid = [(date.fromisoformat(each["at"][:10]), each["body"]["amount_minor"]) for each in said(name, "paid")]
    day, minor_days = min(due for due, _ in dues), 0
    while day < date(2026, 12, 31):  # day by day: slow, and plain
        position = sum(amount for due, amount in dues if due <= day) - sum(money for at, money in paid if at <= day)
        minor_days += max(0, position)
        day += timedelta(days=1)
    return round(minor_days * Fraction(terms["interest"]["rate_per_year"]) / terms["interest"]["day_count"])


def toll():
    name = "autocat-toll-2026"
    terms = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))
    charges = terms["toll"]
    days, rows = receipts(name, terms["contract"]["site"])
    ((batch, day),) = days.items()
    dry = int(rows[0]["dry_mg"])
    (assay,) = said(name, "assayed")
    content = {each["analyte"]: Fraction(each["value"]) * PART[each["unit"]] for each in assay["body"]["values"]}
    taxed, untaxed, due, metal = {}, {}, {}, {}
    taxed["treatment"] = dry / per(charges["unit"]) * Fraction(charges["treatment"])
    for row in charges["returns"]:
        element = row["element"]
        metal[element] = round(dry * content[element])
        payable = metal[element] * Fraction(row["returned_share"])
        if "minimum_deduction" in row:
            payable = min(
                payable, metal[element] - dry * Fraction(row["minimum_deduction"]) * PART[row["deduction_unit"]]
            )
        units, done, charge = payable / per(row["refining_unit"]), Fraction(0), Fraction(0)
        for tier in row.get("refining_tiers") or [{"charge": row["refining"]}]:
            upper = min(units, Fraction(tier["to"])) if "to" in tier else units
            charge, done = charge + (upper - done) * Fraction(tier["charge"]), upper
        taxed[f"refining {element}"] = charge
        if row["settled_in"] == "metal":
            due[element] = payable.numerator // payable.denominator
        else:
            months = [month(day, later) for later in terms["quotation"]["months"]]
            bought = bounded(average(name, row["series"], months), row)
            untaxed[f"returns {element}"] = -payable / per(row["unit"]) * bought
    for row in terms["penalties"]:
        steps = (content[row["analyte"]] / PART[row["unit"]] - Fraction(row["from"])) / Fraction(row["per"])
        steps = Fraction(steps.numerator // steps.denominator) if row["steps"] == "full" else steps
        taxed[f"penalty {row['analyte']}"] = steps * Fraction(row["charge"]) * dry / per(row["charge_unit"])
    lines = taxed | {"tax": sum(taxed.values()) * Fraction(charges["tax_rate"])} | untaxed
    batches = {
        batch: {
            "provisional": advance(terms, rows),
            "contained_mg": metal,
            "metal_due_mg": due,
            "price": str(bought),
            "lines": {each: cents(amount) for each, amount in lines.items()},
            "total": cents(sum(lines.values())),
        }
    }
    return {"batches": batches}


def advance(terms, rows):
    """The share paid ahead: on the record's masses, at the provisional price; what is bought bears no tax."""
    charges, dry = terms["toll"], int(rows[0]["dry_mg"])
    held = {row["element"]: int(row["contained_mg"]) for row in rows}
    taxed, bought = dry / per(charges["unit"]) * Fraction(charges["treatment"]), Fraction(0)
    for row in charges["returns"]:
        payable = held[row["element"]] * Fraction(row["returned_share"])
        if "minimum_deduction" in row:
            least = dry * Fraction(row["minimum_deduction"]) * PART[row["deduction_unit"]]
            payable = min(payable, held[row["element"]] - least)
        units, done = payable / per(row["refining_unit"]), Fraction(0)
        for tier in row.get("refining_tiers") or [{"charge": row["refining"]}]:
            upper = min(units, Fraction(tier["to"])) if "to" in tier else units
            taxed, done = taxed + (upper - done) * Fraction(tier["charge"]), upper
        if row["settled_in"] == "cash":
            bought += payable / per(row["unit"]) * Fraction(row["provisional_price"])
    whole = taxed * (1 + Fraction(charges["tax_rate"])) - bought
    return cents(whole * Fraction(terms["payment"]["provisional_share"]))


def offtake():
    name = "ir-offtake-2026"
    terms = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))
    price, late, carbon = terms["price"], terms["late"], terms["carbon"]
    rate, out = Fraction(price["tax_rate"]), {}
    grams = {row["batch"]: int(row["co2e_g"]) for row in table("footprint.csv")}
    days, rows = receipts(name, terms["contract"]["site"])
    for batch, day in days.items():
        mass = sum(int(row["contained_mg"]) for row in rows if row["batch"] == batch)
        value = mass / per(price["unit"]) * Fraction(price["payable_share"]) * Fraction(price["price"])
        saved = Fraction(mass, 10**6) * Fraction(carbon["target_kg_per_kg"]) - Fraction(grams[batch], 1000)
        most = value * Fraction(carbon["cap_share"])
        bonus = max(-most, min(most, saved * Fraction(carbon["bonus_per_kg" if saved > 0 else "malus_per_kg"])))
        lines = {"price": value, "carbon": bonus}
        over = (day - terms["delivery"]["to"]).days
        if over > 0:
            lines["late"] = -value * min(over * Fraction(late["share_per_day"]), Fraction(late["cap_share"]))
        lines["tax"] = (value + bonus) * rate
        out[batch] = {
            "contained_mg": mass,
            "days_late": max(over, 0),
            "saved_kg": str(saved),
            "lines": {each: cents(amount) for each, amount in lines.items()},
            "total": cents(sum(lines.values())),
        }
    quantity = Fraction(terms["contract"]["quantity"].split()[0])
    deposit = cents(quantity * Fraction(price["price"]) * Fraction(terms["deposit"]["share"]) * (1 + rate))
    locked = sum(each["body"]["quantity_mg"] for each in said(name, "capacity_locked"))
    return {"batches": out, "deposit": deposit, "locked_mg": locked}


def main():
    return {"pt-sponge-2026": sponge(), "autocat-toll-2026": toll(), "ir-offtake-2026": offtake()}


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)
