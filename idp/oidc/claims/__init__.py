"""What is told of a person, and to whom (OpenID Connect Core §5)."""
