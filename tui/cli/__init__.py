"""The command line: `postroom` and the name `sendmail`. Never imports textual; each command imports what it needs."""
