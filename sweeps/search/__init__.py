"""What to try next: decisions, studies, samplers and pruners."""
