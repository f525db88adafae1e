"""The console: a Textual application that shows and changes what the services give it."""
