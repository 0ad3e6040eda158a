"""Where it runs: Ray clusters on one machine, over Slurm, on Kubernetes, in a cloud; the services that a team shares.

Imports nothing of ours: it renders text that a person could have written, and starts processes.
"""
