"""What a person may do: a file per thing that is ordered, a package per theme; every call takes the actor."""
