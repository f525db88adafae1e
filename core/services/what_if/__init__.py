"""What would become of mail, and why: a message, a changed set of filters, a mailbox that is down. Nothing is done."""
