"""The command ``oreloop``: thin; parses arguments, calls one use case of `app`, prints what it returned."""

from oreloop.cli.main import main

__all__ = ["main"]
