"""The staff's door: an application of its own, on its own host and with its own cookie."""
