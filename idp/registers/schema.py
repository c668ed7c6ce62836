"""The tables of the registers' database: a database of its own, which the provider only reads.

Dates of the calendar are ISO text, a birth date at the register's own precision; instants are epoch
seconds. All text is NFC. The same tables stand on PostgreSQL and on SQLite.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    insert,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment
from sqlalchemy.sql.schema import SchemaItem

from idp.registers.bulk import Bulk, RegistersUnavailable, open_bulk
from idp.registers.types import (
    CardStatus,
    GuardianRelation,
    IdentifierScheme,
    NumberReason,
    OrganisationStatus,
    OrganisationType,
    PersonStatus,
    RepresentativeRole,
    Sex,
    SubjectType,
)

SCHEMA_VERSION: Final = 1

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _dates(*columns: str) -> tuple[CheckConstraint, ...]:
    return tuple(CheckConstraint(f"length({column}) = 10", name=column) for column in columns)


def _ordered(first: str, last: str) -> CheckConstraint:
    return CheckConstraint(f"{last} >= {first}", name="span")


def _address(prefix: str = "") -> tuple[SchemaItem, ...]:
    province, commune = f"{prefix}province_code", f"{prefix}commune_code"
    return (
        Column(province, String(2), comment="Two-digit code of the province; null when no address is known"),
        Column(commune, String(5), comment="Five-digit code of the commune, zeros in front kept"),
        Column(f"{prefix}address_detail", Text, comment="House, street, hamlet"),
        Column(f"{prefix}address_as_of", String(10), comment="The day on which these codes were in use"),
        CheckConstraint(f"length({province}) = 2", name=province),
        CheckConstraint(f"length({commune}) = 5", name=commune),
        CheckConstraint(
            f"({province} IS NULL) = ({commune} IS NULL) AND ({province} IS NULL) = ({prefix}address_as_of IS NULL)",
            name=f"{prefix}address_whole",
        ),
    )


def _load_id() -> Column[int]:
    return Column("load_id", BigInteger, nullable=False, comment="The load that last stated this row")


def _record_id() -> Column[str]:
    return Column("record_id", Text, primary_key=True, comment="The register's own stable key; never reused")


people: Final = Table(
    "people",
    metadata,
    _record_id(),
    Column("name", Text, nullable=False, comment="The whole name as the register writes it"),
    Column("family_name", Text, comment="Họ; null where there is none"),
    Column("middle_name", Text, comment="Chữ đệm; null where there is none"),
    Column("given_name", Text, nullable=False, comment="Tên"),
    Column("birth_date", String(10), nullable=False, comment="YYYY, YYYY-MM or YYYY-MM-DD: what is known"),
    Column("sex", String(6), nullable=False, comment="As the register states it"),
    Column("nationality", String(3), comment="ICAO Doc 9303 three-letter code; null where undetermined"),
    Column(
        "subject_type",
        String(16),
        nullable=False,
        comment="Citizen, foreigner, or of undetermined nationality",
    ),
    *_address(),
    Column("status", String(8), nullable=False, comment="Alive, deceased or missing"),
    Column(
        "card_status", String(6), nullable=False, comment="Identity card, or a foreigner's residence card"
    ),
    Column("card_expires_on", String(10), comment="The card's last good day; null when it does not expire"),
    _load_id(),
    _one_of("sex", Sex),
    _one_of("subject_type", SubjectType),
    _one_of("status", PersonStatus),
    _one_of("card_status", CardStatus),
    CheckConstraint("length(birth_date) IN (4, 7, 10)", name="birth_date"),
    CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
    CheckConstraint("length(nationality) = 3", name="nationality"),
    CheckConstraint("card_status <> 'none' OR card_expires_on IS NULL", name="card"),
    *_dates("card_expires_on"),
    comment="The population register: one row a person",
)

personal_numbers: Final = Table(
    "personal_numbers",
    metadata,
    Column(
        "number", String(12), primary_key=True, comment="Personal identification number; never given twice"
    ),
    Column("record_id", Text, ForeignKey("people.record_id"), nullable=False, comment="Whose it is or was"),
    Column("valid_from", String(10), comment="First day; null when since the beginning"),
    Column("valid_to", String(10), comment="Last day; null while it is the current number"),
    Column("reason", String(16), comment="Why it ended; null while it is the current number"),
    CheckConstraint("length(number) = 12", name="number"),
    CheckConstraint("(valid_to IS NULL) = (reason IS NULL)", name="ended"),
    _one_of("reason", NumberReason),
    _ordered("valid_from", "valid_to"),
    *_dates("valid_from", "valid_to"),
    comment="Every number a person has had; the open one is the current one",
    sqlite_with_rowid=False,
)
_current: Final = personal_numbers.c.valid_to.is_(None)
Index(
    "uq_personal_numbers_current",
    personal_numbers.c.record_id,
    unique=True,
    sqlite_where=_current,
    postgresql_where=_current,
)
Index("ix_personal_numbers_record_id", personal_numbers.c.record_id)

guardianships: Final = Table(
    "guardianships",
    metadata,
    Column("ward_id", Text, ForeignKey("people.record_id"), primary_key=True, comment="Who is acted for"),
    Column("guardian_id", Text, ForeignKey("people.record_id"), primary_key=True, comment="Who may act"),
    Column("relation", String(17), nullable=False, comment="Parent, or guardian of a minor or an adult"),
    Column("since", String(10), nullable=False, comment="First day"),
    Column("until", String(10), comment="Last day; null when open"),
    _load_id(),
    _one_of("relation", GuardianRelation),
    CheckConstraint("ward_id <> guardian_id", name="two_people"),
    _ordered("since", "until"),
    *_dates("since", "until"),
    Index("ix_guardianships_guardian_id", "guardian_id"),
    comment="Who may act for whom",
    sqlite_with_rowid=False,
)

organisations: Final = Table(
    "organisations",
    metadata,
    _record_id(),
    Column("legal_name", Text, nullable=False, comment="The registered name"),
    Column("type", String(24), nullable=False, comment="Kind of organisation"),
    Column("status", String(9), nullable=False, comment="Active, suspended or dissolved"),
    Column("established_on", String(10), comment="Day of establishment; null when unknown"),
    *_address(),
    Column("as_of_at", BigInteger, nullable=False, comment="When the register stated this, epoch seconds"),
    _load_id(),
    _one_of("type", OrganisationType),
    _one_of("status", OrganisationStatus),
    CheckConstraint("length(legal_name) BETWEEN 1 AND 500", name="legal_name"),
    *_dates("established_on"),
    comment="The business register: one row an organisation",
)

organisation_identifiers: Final = Table(
    "organisation_identifiers",
    metadata,
    Column(
        "scheme",
        String(18),
        primary_key=True,
        comment="What the value is; a tax code can equal a person's number",
    ),
    Column("value", Text, primary_key=True, comment="The identifier"),
    Column(
        "organisation_id", Text, ForeignKey("organisations.record_id"), nullable=False, comment="Whose it is"
    ),
    _one_of("scheme", IdentifierScheme),
    Index("uq_organisation_identifiers_scheme_of", "organisation_id", "scheme", unique=True),
    comment="The identifiers of organisations, one of each scheme",
    sqlite_with_rowid=False,
)

legal_representatives: Final = Table(
    "legal_representatives",
    metadata,
    Column("person_id", Text, ForeignKey("people.record_id"), primary_key=True, comment="Who may act"),
    Column(
        "organisation_id", Text, ForeignKey("organisations.record_id"), primary_key=True, comment="For which"
    ),
    Column("role", String(20), nullable=False, comment="Legal representative, or head"),
    Column("title", Text, nullable=False, comment="Office held, as registered"),
    Column("powers", Text, nullable=False, comment="Powers from the closed list, separated by spaces"),
    Column("joint", SmallInteger, nullable=False, comment="1: only together with another representative"),
    Column("since", String(10), nullable=False, comment="First day"),
    Column("until", String(10), comment="Last day; null when open"),
    _load_id(),
    _one_of("role", RepresentativeRole),
    CheckConstraint("joint IN (0, 1)", name="joint"),
    _ordered("since", "until"),
    *_dates("since", "until"),
    Index("ix_legal_representatives_organisation_id", "organisation_id"),
    comment="Who may act for which organisation",
    sqlite_with_rowid=False,
)

load_progress: Final = Table(
    "load_progress",
    metadata,
    Column(
        "load_id", BigInteger, primary_key=True, autoincrement=False, comment="Loads are numbered upwards"
    ),
    Column("file_digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the file"),
    Column("set_digest", LargeBinary(32), nullable=False, comment="SHA-256 over all files of the load"),
    Column("file_name", Text, nullable=False, comment="The file's name, for people"),
    Column("file_size", BigInteger, nullable=False, comment="Bytes"),
    Column("bytes_done", BigInteger, nullable=False, comment="Bytes read and committed"),
    Column("lines_done", BigInteger, nullable=False, comment="Lines read and committed"),
    Column("rows_kept", BigInteger, nullable=False, comment="Rows written or confirmed"),
    Column("rows_rejected", BigInteger, nullable=False, comment="Rows refused"),
    Column(
        "rows_to_review",
        BigInteger,
        nullable=False,
        comment="Rows kept whose number disagrees with the record",
    ),
    Column(
        "rejects_size", BigInteger, nullable=False, comment="Bytes of the list of rejects that are committed"
    ),
    Column("started_at", BigInteger, nullable=False, comment="Epoch seconds"),
    Column("finished_at", BigInteger, comment="Epoch seconds; null while unfinished"),
    comment="How far each load came, so that an interrupted one goes on from there",
)

schema_version: Final = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False, comment="Version of these tables"),
    comment="One row",
)

_VERSION: Final = select(schema_version.c.version)
_STAMP: Final = insert(schema_version).values(version=SCHEMA_VERSION)


async def create_registers(url: str) -> None:
    """Lay out the tables where they are missing; changes nothing where they stand.

    Raises `RegistersUnavailable` where the database cannot be opened or holds another version of them.
    """
    bulk = await open_bulk(url)
    try:
        await lay_out(bulk)
    finally:
        await bulk.close()


async def lay_out(bulk: Bulk) -> None:
    """Do as `create_registers`, on an open connection."""
    async with bulk.transaction():
        await bulk.define(CreateTable(schema_version, if_not_exists=True))
        found = await bulk.run(_VERSION)
        if found and found[0]["version"] != SCHEMA_VERSION:
            raise RegistersUnavailable(
                f"The registers have tables of version {found[0]['version']}; this program knows {SCHEMA_VERSION}."
            )
        if not found:
            await _define(bulk)
            await bulk.change(_STAMP)


async def _define(bulk: Bulk) -> None:
    for table in metadata.sorted_tables:
        await bulk.define(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            await bulk.define(CreateIndex(index, if_not_exists=True))
        await bulk.define(SetTableComment(table))
        for column in table.columns:
            await bulk.define(SetColumnComment(column))
