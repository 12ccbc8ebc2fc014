"""The person's own settings, and what this installation is."""

from importlib.metadata import version

from flask import abort, redirect, request, session, url_for
from flask_admin import expose
from werkzeug.wrappers import Response

from domain.people import Role
from domain.permissions import Permission
from webapp.admin import access, labels
from webapp.admin.base import StaffView


class SettingsView(StaffView):
    permission = Permission.SETTINGS_READ

    @expose("/")
    def index(self) -> str:
        from flask_security import current_user

        return self.render(
            "admin/settings.html",
            role_names=[labels.label_of_value(Role, role.name) for role in current_user.roles],
            version=version("atrium"),
            now=self.now(),
        )

    @expose("/mall", methods=("POST",))
    def choose_mall(self) -> Response:
        """Show another mall on every page of this session."""
        chosen = request.form.get("mall", "")
        if chosen not in {mall.code for mall in access.malls()}:
            abort(404)
        session["mall"] = chosen
        return redirect(url_for("admin.index"))
