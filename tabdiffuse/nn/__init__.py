"""Networks: tokens and times in, tokens out."""
