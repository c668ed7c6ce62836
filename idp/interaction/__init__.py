"""The conversation between an authorization request and its answer: who is it, for whom, and do they agree."""
