"""Checking a log that somebody else wrote: every byte of it (fsck), and as it grows (mirror)."""
