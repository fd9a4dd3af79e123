"""Benchmarks: each prints its figure, a reference measured in the same run, and the ratio of the two.

Machines are noisy: quote medians and ratios, and say the load.
"""
