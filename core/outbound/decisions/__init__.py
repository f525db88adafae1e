"""Who sends a message, what leaves, what a reply means: decided here, without reading or writing anything."""
