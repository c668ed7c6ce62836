"""Ground that tests stand on: databases, a browser, a closed network."""
