"""What people look at: one thing whole, a message's text, runs, where mail went, how it goes."""
