"""Things that work once or not any more: JWTs of clients by their `jti`, access tokens revoked before their time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from idp.store.columns import bound
from idp.store.database import Database, Step, step
from idp.store.schema import revoked_access_tokens, used_jtis
from idp.store.upsert import insert_unless_present

BURN_JTI = insert_unless_present(used_jtis, bound(used_jtis)).returning(used_jtis.c.jti_digest)
REVOKE_ACCESS_TOKEN = insert_unless_present(revoked_access_tokens, bound(revoked_access_tokens))
IS_REVOKED = select(revoked_access_tokens.c.jti).where(revoked_access_tokens.c.jti == bindparam("jti"))
PURGE_JTIS = delete(used_jtis).where(
    used_jtis.c.jti_digest.in_(
        select(used_jtis.c.jti_digest)
        .where(used_jtis.c.expires_at < bindparam("before"))
        .limit(bindparam("most"))
    )
)
PURGE_ACCESS_TOKENS = delete(revoked_access_tokens).where(
    revoked_access_tokens.c.jti.in_(
        select(revoked_access_tokens.c.jti)
        .where(revoked_access_tokens.c.expires_at < bindparam("before"))
        .limit(bindparam("most"))
    )
)


async def burn_jti(db: Database, jti_digest: bytes, expires_at: int) -> bool:
    """Use up what is good once (RFC 7523 §3, RFC 9449 §11.1, `jti`); False when it was used before."""
    row = await db.fetch_one(BURN_JTI, jti_digest=jti_digest, expires_at=expires_at)
    return row is not None


async def burn_jtis(db: Database, *jtis: tuple[bytes, int]) -> Sequence[bool]:
    """Use up several at once, by digest and end; of each whether it was good."""
    if len(jtis) == 1:
        return [await burn_jti(db, *jtis[0])]
    return await asyncio.gather(*(burn_jti(db, digest, end) for digest, end in jtis))


def revoke_access_token(jti: str, expires_at: int) -> Step:
    """Refuse one access token from now on (RFC 7009 §2)."""
    return step(REVOKE_ACCESS_TOKEN, jti=jti, expires_at=expires_at)


async def is_revoked(db: Database, jti: str) -> bool:
    """Whether an access token without a grant was revoked."""
    return await db.fetch_one(IS_REVOKED, jti=jti) is not None
