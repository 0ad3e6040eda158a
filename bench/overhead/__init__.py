"""What the sweep service costs beside bare Ray Tune: wall time, the driver's memory, stalls of training, idle cores."""
