"""Rich authorization requests (RFC 9396): what a client may do for a person, said more exactly than a scope can."""
