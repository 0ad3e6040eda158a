"""The services that a team shares, as ordinary processes: PostgreSQL for studies and MLflow, and an MLflow server.

They listen on the loopback until told otherwise, and then with TLS; each login has a password that was made here.
"""
