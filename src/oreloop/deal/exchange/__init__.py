"""Contained metal as two parties find it: weights, exchanged assays, splitting limits, umpire.

Each party commits to its assay before either shows it, so that nobody can move a result towards the other's. Within the
splitting limit the mean counts, beyond it an umpire by one of eight rules, and silence leaves the word to the other.
"""
