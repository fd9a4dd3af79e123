"""The guides to records and passports are run from top to bottom: what they print is what one sees."""

from __future__ import annotations

import glob
import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from oreloop.cli.main import commands

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w.-]+\.(?:csv|json))`")
ALWAYS_NEW = re.compile(r"[0-9A-Za-z+/]{43}[0-9A-Za-z+/=]*=?|\+[0-9a-f]{8}")
"""Keys, roots and key ids: other ones each time."""


def constant(text: str) -> str:
    return ALWAYS_NEW.sub("*", text)


class Reader:
    """Somebody who follows a guide: saves the files that it names, types its commands, and looks at what comes."""

    def __init__(self) -> None:
        self.seen, self.file, self.said = "", "", ""

    def type(self, line: str) -> None:
        words, _, target = line.partition(" > ")
        arguments = []
        for word in shlex.split(words, comments=True):
            arguments += sorted(glob.glob(word)) if "*" in word else [self.named(word)]
        assert arguments.pop(0) == "oreloop", line
        ended = CliRunner().invoke(commands, arguments)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), line
        self.said = ended.output
        self.seen += constant(ended.output)
        if target:
            Path(target).write_text(ended.stdout, "utf-8")

    @property
    def key(self) -> str:
        return re.findall(r'^vkey = "(.*)"', Path("metal/record.toml").read_text("utf-8"), re.MULTILINE)[0]

    def named(self, word: str) -> str:
        """Put in keys where the guide says KEY, or PARTYKEY for the party that it lets sign."""
        if "PARTYKEY" in word:
            settings = Path("metal/record.toml").read_text("utf-8")
            return word.replace("PARTYKEY", re.findall(r'^"?plant-co"? = "(.*)"', settings, re.MULTILINE)[0])
        return self.key if word == "KEY" else word

    def follow(self, guide: str) -> None:
        page = (GUIDES / guide).read_text("utf-8")
        for block in BLOCK.finditer(page):
            language, text = block.groups()
            named = NAMED.search(page[: block.start()].rstrip().rsplit("\n", 1)[-1])
            if language == "sh":
                self.seen = ""
                for line in text.splitlines():
                    self.type(line)
            elif language == "toml":
                self.configure(text)
            elif named or text.startswith("batch,"):
                self.file = named[1] if named else self.file
                Path(self.file).write_text(text, "utf-8")
            elif language == "text":
                for line in text.splitlines():
                    assert constant(line.strip()) in self.seen, line

    def configure(self, text: str) -> None:
        if "[parties]" in text:
            entry = self.said.rsplit("record.toml: ", 1)[1]
            settings = Path("metal/record.toml")
            settings.write_text(settings.read_text("utf-8") + entry, "utf-8")
        else:
            Path("metal/passport.toml").write_text(text, "utf-8")
            self.type("oreloop passport show powder-1b --record metal")


def test_the_guides_to_records_and_passports_say_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    reader = Reader()
    reader.follow("keep-a-record.md")
    reader.follow("issue-a-passport.md")
    assert Path("pack/tables/record.xlsx").is_file()
    assert Path("buyer.html").is_file()
