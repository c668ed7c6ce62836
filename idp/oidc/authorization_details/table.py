"""Every type of authorization details that a client may register and ask for (RFC 9396 §2.1): one row each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idp.oidc.authorization_details import vn_mandate
from idp.oidc.authorization_details.detail_type import DetailType

TYPES: Final[Mapping[str, DetailType]] = MappingProxyType({vn_mandate.NAME: vn_mandate.VN_MANDATE})
