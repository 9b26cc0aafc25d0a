"""Training: one loop, its optimizer, and what is shown while it runs."""
