"""Work that waits: done by the worker processes beside their requests."""
