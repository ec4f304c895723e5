"""A stand-in for Stripe that speaks its HTTP API on this machine alone."""
