"""Kernels for demand in most periods: each gives a point forecast for many series at once."""
