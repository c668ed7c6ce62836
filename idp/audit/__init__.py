"""What happened, in the same transaction as the thing itself."""
