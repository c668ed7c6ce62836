"""Tests: `make test` runs all, `make check` the fast ones."""
