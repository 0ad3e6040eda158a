"""Who does it: the driver, Ray, the workers, and what goes wrong with them."""
