"""Telling of alerts, once when they open and once when they have passed: to addresses and to a command."""
