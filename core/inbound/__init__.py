"""The way in: what becomes of a message that was fetched, decided first and written after."""
