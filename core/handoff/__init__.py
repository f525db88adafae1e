"""Hand-offs: new records and follow-ups offered to other systems, in order, until they are taken."""
