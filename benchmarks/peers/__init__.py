"""Other libraries to measure beside, each in an environment of its own: its pins are not ours."""
