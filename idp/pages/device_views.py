"""Pages about devices without a browser, and about apps that cannot be told apart: what each shows (see `views`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from idp.pages.views import ClientCard, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(View):
    """`/device`: field `user_code`. `from_link` says that an address brought the code, which nobody has typed.

    `retry_at` is when a throttled person may try again, or at once after signing in at `sign_in_url`.
    """

    template: ClassVar[str] = "device.html"
    action: str = "/device"
    user_code: str = ""
    from_link: bool = False
    retry_at: int | None = None
    sign_in_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfirm(View):
    """Is it your device? Buttons `decision=confirm` and `decision=deny`; `shown` says whom the page was made for.

    `network` is where the device is, as far as its address tells; `same_network` says that this browser is there too.
    """

    template: ClassVar[str] = "device_confirm.html"
    action: str
    client: ClientCard
    person_name: str
    asked_at: int
    network: str
    same_network: bool
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDone(View):
    """The person has answered; the rest happens on the device."""

    template: ClassVar[str] = "device_done.html"
    client: ClientCard
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfirm(View):
    """Did you begin this in the app? Buttons `decision=confirm` and `decision=deny` (RFC 8252 §8.6)."""

    template: ClassVar[str] = "app_confirm.html"
    action: str
    client: ClientCard
    person_name: str
    shown: str
