"""Each kind of thing, described once; forms, lists, TOML, JSON, filters and commands are drawn from it."""
