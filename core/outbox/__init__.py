"""The outbox's transactions: take in, claim, mark, settle, give back."""
