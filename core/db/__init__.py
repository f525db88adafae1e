"""The database: the only meeting place of Postroom's processes."""
