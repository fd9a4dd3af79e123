"""Every result that was ever frozen is verified by every later version; one changed byte fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import golden, small_case

from oreloop.app.job import METHODS
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.run import sealed_run
from oreloop.app.verify import check_result
from oreloop.case import parse
from oreloop.log import Policy, Verifier

FROZEN = sorted(Path(__file__).parent.glob("*.tar.gz"))


@pytest.mark.parametrize("archive", FROZEN, ids=lambda path: path.name)
def test_a_frozen_result_still_verifies(archive: Path) -> None:
    files = golden.unpacked(archive.read_bytes())
    vkey = archive.with_name(archive.name.replace(".tar.gz", ".vkey")).read_text("utf-8").strip()
    policy = Policy.of_log(Verifier.parse(vkey))
    is_ours = json.loads(files["run.json"])["methods"] == METHODS
    verdict = check_result(files, policy)
    assert verdict.outcome == ("verified" if is_ours else "partly"), str(verdict)
    orders = bytearray(files["plan/orders.csv"])
    orders[-2] ^= 1
    altered = check_result({**files, "plan/orders.csv": bytes(orders)}, policy)
    assert altered.outcome == "altered"
    assert "plan/orders.csv" in str(altered)


def test_a_frozen_result_is_packed_alike_each_time_and_never_replaced(tmp_path: Path) -> None:
    files = small_case.files()
    quick = {**files, "demand.csv": b"site,material,period,quantity_kg\nplant,metal,2026-03,2\n"}
    case = parse(quick)
    made = sealed_run(quick, case, case.as_of, signer=DEMO_SIGNER)
    path = golden.freeze(made, tmp_path)
    assert golden.unpacked(path.read_bytes()) == dict(made.files)
    assert golden.packed(dict(reversed(made.files.items()))) == path.read_bytes()
    with pytest.raises(FileExistsError):
        golden.freeze(made, tmp_path)
    assert (tmp_path / path.name.replace(".tar.gz", ".vkey")).read_text("utf-8").strip() == made.verifier_key
