"""What every table's definition is made of: names of constraints, times, digests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def time_column(name: str, comment: str, *, nullable: bool = False) -> Column[int]:
    """A time in epoch seconds."""
    return Column(name, BigInteger, nullable=nullable, comment=f"{comment}; epoch seconds")


def digest_column(name: str, comment: str, **options: object) -> Column[bytes]:
    """32 raw octets."""
    return Column(name, LargeBinary, comment=comment, **options)  # type: ignore[arg-type]
