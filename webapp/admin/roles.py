"""What each role may do, and how many people have it."""

from flask_admin import expose

from domain.people import Role
from domain.permissions import DEVICE_PERMISSIONS, ROLE_PERMISSIONS, Permission
from services.queries.people import count_people_by_role
from webapp.admin import access, labels
from webapp.admin.base import StaffView
from webapp.words.permissions import permission_table


class RolesView(StaffView):
    permission = Permission.USERS_READ

    @expose("/")
    def index(self) -> str:
        people = count_people_by_role(access.database())
        return self.render(
            "admin/roles.html",
            roles=[(role, labels.label(role), people[role]) for role in Role],
            table=permission_table(
                [*(ROLE_PERMISSIONS[role] for role in Role), DEVICE_PERMISSIONS]
            ),
        )
