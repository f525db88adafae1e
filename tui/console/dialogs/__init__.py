"""Dialogs: modal screens that give back a value; the caller decides."""
