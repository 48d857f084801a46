"""Measured claims: one script a claim, raw results kept in results/."""
