"""The edge: everything HTTP that is not an endpoint. Starlette's types from here up, pure ASGI throughout."""
