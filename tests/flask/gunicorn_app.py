"""A little application for a real gunicorn: all that it knows of Clerk is in its environment."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask

from clerk_ext.flask import ClerkAuth, claims, require

app = Flask(__name__)
ClerkAuth().init_app(app)
clerk = app.extensions["clerk"].clerk

if "OPEN_A_CONNECTION" in os.environ:  # which workers that are forked from here must not use
    clerk.jwks()


@app.get("/me")
@require()
def me() -> dict[str, Any]:
    """Show who is signed in, asked of the token and of the Backend API, and which process it was."""
    session = clerk.sessions.get(claims.session_id)
    return {"user": claims.user_id, "session": session.status, "process": os.getpid()}
