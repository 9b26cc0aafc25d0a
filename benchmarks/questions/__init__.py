"""What a trained model answers beside making rows, on real tables: run and report."""
