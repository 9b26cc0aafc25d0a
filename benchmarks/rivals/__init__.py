"""Rivals: other synthesizers, each run as a script in a virtual environment of its own.

The scripts in this folder import their package only when they run. ``python -m benchmarks.rivals
install NAME`` builds the environment of one of them; the README has the table.
"""
