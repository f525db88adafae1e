"""Erasing one person: what is found of somebody, what is removed, and what stays, with the reason."""
