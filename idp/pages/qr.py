"""QR codes (ISO/IEC 18004) as mark-up that stands in the page: nothing is fetched, and no script draws."""

import io

from markupsafe import Markup


def draw(text: str) -> Markup:
    """A text as an inline SVG image, black on white in every colour scheme, with its quiet zone."""
    import segno  # noqa: PLC0415 - wanted only by the few who set up an app

    drawn = io.BytesIO()
    segno.make_qr(text, error="l").save(  # screens do not get dirty
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        light="#fff",
        svgclass="qr",
        lineclass=None,
        nl=False,
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - paths made of numbers; the text itself is not in it
