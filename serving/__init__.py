"""Everything between an exported SavedModel and the people who ask it: wire format, client, embedded model
server."""
