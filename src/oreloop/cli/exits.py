"""Exit codes: this table and nowhere else.

0 done · 1 a defect of Oreloop · 2 wrong arguments · 3 bad input · 4 tampering found · 5 a rule of the trade broken ·
6 not found · 7 conflict · 8 something outside did not answer · 9 not allowed · 130 stopped by Ctrl-C
"""

from __future__ import annotations

from oreloop.base.errors import (
    BadInput,
    Conflict,
    NotAllowed,
    NotFound,
    OreloopError,
    RuleBroken,
    TamperFound,
    Unavailable,
)

EXIT_CODES: dict[type[OreloopError], int] = {
    BadInput: 3,
    TamperFound: 4,
    RuleBroken: 5,
    NotFound: 6,
    Conflict: 7,
    Unavailable: 8,
    NotAllowed: 9,
}


STOPPED = 130
"""As shells say it: 128 and the number of SIGINT."""


def exit_code(error: OreloopError) -> int:
    """Give the exit code of an error by its family."""
    return EXIT_CODES[type(error)]
