"""Reports: what accounts held and moved, now and at any past moment."""
