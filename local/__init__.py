"""Stand-ins for a machine with no cloud: a sandbox CAMS and a local gateway. Never deployed."""
