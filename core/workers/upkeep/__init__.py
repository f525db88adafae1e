"""What a worker tidies beside the mail: what has come to its end or its time, and what must not go unseen."""
