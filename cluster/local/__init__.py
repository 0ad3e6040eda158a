"""A Ray cluster of several nodes on one machine: processes of ours, ports on the loopback, a private token."""
