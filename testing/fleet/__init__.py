"""Many instances, callers and a CAMS, each in its own process, and what is measured of them."""
