"""Postroom's library about mail: it knows nothing of a terminal."""
