"""EPCIS 2.0 and CBV 2.0: bytes to events, their checks, and the event hash."""
