"""Invoices of the active organisation, in Flask: members read, holders of a permission write, admins delete."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, abort, current_app, request

from clerk_ext.flask import ClerkAuth, claims, guard, maybe_claims, require

if TYPE_CHECKING:
    from clerk_ext import Clerk, Tenants

auth = ClerkAuth(impersonation="refuse")  # whoever acts as a user may look, and change nothing
invoices = Blueprint("invoices", __name__, url_prefix="/invoices")
invoices.before_request(guard())


def create_app(clerk: Clerk | Tenants | None = None) -> Flask:
    """Make the application; without a client it takes the settings of the environment (CLERK_…)."""
    app = Flask(__name__)
    auth.init_app(app, clerk)
    app.register_blueprint(invoices)
    app.add_url_rule("/", view_func=home)
    app.extensions["invoices"] = defaultdict[str, list[str]](list)
    return app


def home() -> str:
    """Everybody may come here."""
    known = maybe_claims()
    return f"Hello, {known.user_id if known else 'stranger'}!"


def of_the_organization() -> list[str]:
    """The invoices that this request is about."""
    if claims.org_id is None:
        abort(409, "Choose an organisation first.")
    kept: list[str] = current_app.extensions["invoices"][claims.org_id]
    return kept


@invoices.get("")
def show() -> list[str]:
    """Show all."""
    return of_the_organization()


@invoices.post("")
@require(permission="org:invoices:create")
def create() -> tuple[dict[str, Any], int]:
    """Add one."""
    text = request.get_json()["text"]
    of_the_organization().append(text)
    return {"text": text, "by": claims.user_id}, 201


@invoices.delete("")
@require(role="org:admin", reverification="strict")
async def clear() -> tuple[str, int]:
    """Delete all; Clerk's frontend asks for a second factor first, unless that was done in the last ten minutes."""
    of_the_organization().clear()
    return "", 204
