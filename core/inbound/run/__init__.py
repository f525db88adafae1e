"""One run: one pass over one account, folder by folder, from its claim to its end."""
