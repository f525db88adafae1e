"""What people configure, one file per kind, and all of it at once: by kind, and as text."""
