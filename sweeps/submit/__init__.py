"""A sweep on a cluster that is not this machine: packed here, driven there, looked at from here."""
