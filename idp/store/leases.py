"""Leases: of all workers, one at a time does a job."""

from __future__ import annotations

from sqlalchemy import bindparam, or_
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT compiles for SQLite as well

from idp.store.database import Database
from idp.store.schema import job_leases

_ROW = insert(job_leases).values(
    job=bindparam("job"), holder=bindparam("holder"), expires_at=bindparam("expires_at")
)
TAKE = _ROW.on_conflict_do_update(
    index_elements=[job_leases.c.job],
    set_={"holder": _ROW.excluded.holder, "expires_at": _ROW.excluded.expires_at},
    where=or_(job_leases.c.holder == _ROW.excluded.holder, job_leases.c.expires_at <= bindparam("now")),
).returning(job_leases.c.job)


async def take(db: Database, job: str, *, holder: str, now: int, lifetime: int) -> bool:
    """Take a job, or keep it for another `lifetime` seconds; False while another holder has it."""
    row = await db.fetch_one(TAKE, job=job, holder=holder, now=now, expires_at=now + lifetime)
    return row is not None
