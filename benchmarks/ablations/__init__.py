"""Ablations: the fast preset with one thing changed at a time, judged on validation rows."""
