"""Run the command with ``python -m oreloop``."""

from oreloop.cli import main

main()
