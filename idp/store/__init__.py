"""The provider's own records: a function is a query, written as SQLAlchemy Core, run by the driver."""
