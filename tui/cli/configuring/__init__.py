"""Commands that change what is configured."""
