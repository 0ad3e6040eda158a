"""What it comes to: statistics, rankings, fronts, phase diagrams."""
