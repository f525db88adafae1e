"""What a message says: headers, addresses, dates, bodies, bounces.

Everything here is pure and total: any bytes give a value, never an exception, within bounds that do not depend on
the sender's good will. No database, no socket.
"""
