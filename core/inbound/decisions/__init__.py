"""What becomes of a message, decided: nothing here reads or writes, nor knows that there is a database."""
