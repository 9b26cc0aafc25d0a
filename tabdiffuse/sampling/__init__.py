"""Sampling: one loop, its solvers, and rows in reproducible blocks."""
