"""common: what the sandboxes have in common: HTTP, faults, control, looks."""
