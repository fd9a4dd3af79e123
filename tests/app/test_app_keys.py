"""A key is the user's own: made once, readable by nobody else, never quoted; a case's log gets it under its name."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from oreloop.app.keys import DEMO_SIGNER, named, signer_from
from oreloop.app.places import bundled_case, config_folder
from oreloop.base.errors import BadInput, NotFound, Unavailable
from oreloop.log import Signer


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    monkeypatch.setenv("ORELOOP_CONFIG", str(folder))
    return folder


def test_a_key_is_made_once_and_only_its_owner_can_read_it(config: Path) -> None:
    first = signer_from()
    assert stat.S_IMODE((config / "signer.key").stat().st_mode) == 0o600
    assert signer_from() == first
    assert signer_from(config / "signer.key") == first
    assert first.seed != DEMO_SIGNER.seed


def test_two_users_have_two_keys(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = signer_from()
    monkeypatch.setenv("ORELOOP_CONFIG", str(config.with_name("other")))
    assert signer_from().seed != mine.seed


def test_naming_a_key_after_a_log_changes_only_its_name() -> None:
    key = named(DEMO_SIGNER, "oreloop.example/ir")
    assert key.seed == DEMO_SIGNER.seed
    assert key.verifier.public_key == DEMO_SIGNER.verifier.public_key
    assert key.verifier.name == "oreloop.example/ir"
    assert key.verifier.key_id != DEMO_SIGNER.verifier.key_id


@pytest.mark.parametrize(
    "damage", [lambda key: key[:-4], lambda key: key.replace("PRIVATE", "PUBLIC"), lambda key: "密" + key]
)
def test_a_damaged_key_is_refused_and_never_quoted(tmp_path: Path, damage: object) -> None:
    secret = Signer.from_seed("mine", bytes(range(32))).skey
    path = tmp_path / "my.key"
    path.write_text(damage(secret), "utf-8")  # type: ignore[operator]
    with pytest.raises(BadInput, match=r"my\.key holds no signing key") as refused:
        signer_from(path)
    words = [word for word in secret.split("+") if len(word) > 8]
    assert not [word for word in words if word[:8] in str(refused.value) + repr(refused.value)]
    assert "__context__" not in repr(refused.value.__cause__)


def test_a_key_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        signer_from(tmp_path / "none.key")


def test_the_configuration_is_where_the_user_or_the_platform_says(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config_folder() == config
    monkeypatch.delenv("ORELOOP_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config_folder() == tmp_path / "xdg" / "oreloop"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_folder() == tmp_path / ".config" / "oreloop"


def test_bundled_cases_are_found_by_name() -> None:
    assert (bundled_case("iridium") / "case.toml").is_file()
    with pytest.raises(NotFound, match="iridium"):
        bundled_case("unobtainium")


def test_where_no_key_can_be_kept_the_way_out_is_named(config: Path) -> None:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_bytes(b"a file where the folder should be")
    with pytest.raises(Unavailable, match="ORELOOP_CONFIG"):
        signer_from()
