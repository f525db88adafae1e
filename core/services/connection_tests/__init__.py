"""Testing a connection: here or by a worker, with what is saved or stands in a form, one way or round trip."""
