"""The OpenID Foundation's conformance suite against this provider: configurations of its plans, and what runs them."""
