"""One module for each endpoint: read the request, call the rules, answer. The routes are one table (`routes`)."""
