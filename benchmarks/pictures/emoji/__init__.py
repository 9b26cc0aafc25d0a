"""Emoji pictures with their names: as vectors (``emoji-vectors``) and as text (``emoji-text``)."""
