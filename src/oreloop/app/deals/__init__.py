"""The deal's own doors: contracts drafted, signed, followed by events, settled and accounted for."""
