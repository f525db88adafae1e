"""Screens: one list, one form and one detail screen for all kinds, and the few that are special."""
