"""OpenID Federation and upstream providers; may import `idp.context` and what lies below it, nothing above."""
