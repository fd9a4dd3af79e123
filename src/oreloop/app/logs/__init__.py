"""Running a log: its folder, its keys, and what the commands ``oreloop log ...`` do."""
