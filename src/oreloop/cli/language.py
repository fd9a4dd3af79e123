"""Which language a person reads: ``--lang``, else ``ORELOOP_LANG``, else the locale."""

from __future__ import annotations

import itertools
import os
import sys

from oreloop.base.texts import LANGUAGES, Language


def chosen(arguments: list[str] | None = None) -> Language:
    """Give the language before the arguments are parsed, so that ``--help`` speaks it too.

    >>> chosen(["run", "case", "--lang", "zh"]), chosen(["--lang=en"])
    ('zh', 'en')
    """
    words = sys.argv[1:] if arguments is None else arguments
    said = [after for word, after in itertools.pairwise(words) if word == "--lang"]
    said += [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    said += [os.environ.get(name, "") for name in ("ORELOOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    for wish in said:
        for language in LANGUAGES:
            if wish.lower().startswith(language):
                return language
    return "en"
