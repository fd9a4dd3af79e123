"""Proofs of plans: exact arithmetic and its checks, which know no solver, and the makers of proofs, which ask one."""
