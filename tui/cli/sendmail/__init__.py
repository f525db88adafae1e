"""`postroom send`, also by the name `sendmail`; imports no framework and opens no database."""
