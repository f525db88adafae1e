"""Lists of any kind: what a filter text matches, a page at a time, with what stands beside the rows."""
