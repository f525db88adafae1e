"""What a person may do, one file per resource, with the same verbs; every call takes the actor."""
