"""The sections of ``cluster.yaml``, a file each: what one way to run needs beside the keys that all share."""
