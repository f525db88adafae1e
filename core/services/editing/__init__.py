"""How every kind of resource is changed: a draft of it, checked, written, told to the audit log."""
