"""E-mail over SMTP: held connections, one honest result per message."""
