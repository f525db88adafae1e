"""Metrics and health, for whoever watches from outside."""
