"""How fast it is, beside others, in one run; never asserted in a test."""
