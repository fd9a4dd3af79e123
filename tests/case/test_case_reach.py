from __future__ import annotations

import pytest

from oreloop.case import parse


@pytest.mark.parametrize(
    ("changes", "code", "fields"),
    [
        (
            {
                "lanes.csv": "from,to,lead_days\nplant,refinery,2\n",
                "stock.csv": "site,material,quantity_kg\nplant,scrap,200\n",
            },
            "case.no_lane",
            {"material": "ir-5n", "site": "plant", "sites": "mine, refinery"},
        ),
        (
            {
                "offers.csv": "offer,site,material,price,price_unit,lead_days\nnone,mine,ir-4n,1,CNY/g,1\n",
                "stock.csv": "site,material,quantity_kg\nplant,scrap,200\n",
                "lanes.csv": "from,to,lead_days\nrefinery,plant,2\n",
            },
            "case.no_lane",
            {"material": "scrap", "site": "refinery", "sites": "plant"},
        ),
        (
            {
                "offers.csv": "offer,site,material,price,price_unit,lead_days\nnone,mine,ir-4n,1,CNY/g,1\n",
                "stock.csv": "site,material,quantity_kg\nplant,ir-4n,1\n",
                "materials.csv": "material,element,content\nir-5n,Ir,1\nscrap,Ir,0.02\nir-4n,Ir,0.9999\n",
            },
            "case.no_source",
            {"material": "scrap", "site": "plant", "wanted": "ir-5n"},
        ),
        (
            {
                "approvals.csv": (
                    "site,material,offer,party,approval\nplant,ir-5n,abroad,,refused\nplant,ir-5n,,mill,refused\n"
                )
            },
            "case.unreachable_refused",
            {"material": "ir-5n", "site": "plant", "refused": "abroad, mill"},
        ),
    ],
)
def test_a_demand_that_nothing_can_meet_names_the_missing_link(files, refused, changes, code, fields):
    (problem,) = refused(files | changes)
    assert (problem.code, problem.fields) == (code, fields)
    assert (problem.place.file, problem.place.line) == ("demand.csv", 2)


def test_a_schedule_is_held_to_the_same_rule(files, refused):
    del files["demand.csv"]
    files["schedule.csv"] = "site,product,period,units\nmine,stack,2026-02,100\n"
    files["uses.csv"] = "product,material,kg_per_unit\nstack,scrap,0.0004\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.file, problem.fields["site"]) == ("case.no_lane", "schedule.csv", "mine")


def test_a_refused_process_is_not_a_way(files, refused):
    files["offers.csv"] = "offer,site,material,price,price_unit,lead_days\nspot,refinery,ir-4n,1200,CNY/g,20\n"
    files["materials.csv"] = "material,element,content\nir-5n,Ir,1\nscrap,Ir,0.02\nir-4n,Ir,0.9999\n"
    files["approvals.csv"] = "site,material,process,approval\nplant,ir-5n,refine,refused\n"
    (problem,) = refused(files)
    assert problem.code == "case.unreachable_refused"


@pytest.mark.parametrize("kind", ["loan,0.1", "swap,", "account_draw,"])
def test_what_is_lent_swapped_or_drawn_from_an_account_is_a_way(files, kind):
    """The refinery lacks scrap here, so only the offer can meet the demand."""
    files["offers.csv"] = (
        f"offer,site,material,lead_days,total_kg,kind,lease_rate_per_year\nbank,plant,ir-5n,1,30,{kind}\n"
    )
    del files["stock.csv"]
    assert parse({name: data.encode() for name, data in files.items()}).tables["offers"].height == 1


def test_a_lane_that_does_not_accept_the_hazard_of_the_scrap_is_no_way(files, refused):
    """Scrap wet with acid goes to the refinery only on a lane that accepts its class."""
    files["materials.csv"] = "material,element,content,hazard\nir-5n,Ir,1,\nscrap,Ir,0.02,UN 1760\nir-4n,Ir,0.9999,\n"
    files["offers.csv"] = "offer,site,material,price,price_unit,lead_days\nspot,mine,ir-4n,1200,CNY/g,20\n"
    lanes = "from,to,lead_days,hazard\nplant,refinery,2,{}\nrefinery,plant,2,\n"
    files["lanes.csv"] = lanes.format("UN 3089; un1760")
    assert parse({name: data.encode() for name, data in files.items()}).tables["lanes"].height == 2
    (problem,) = refused(files | {"lanes.csv": lanes.format("UN 3089")})
    assert (problem.code, problem.fields["material"], problem.fields["site"]) == ("case.no_lane", "scrap", "refinery")
