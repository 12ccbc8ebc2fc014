"""Files of a shop: licences, photos, papers. Removed ones can be brought back.

An address names a uuid; the row of that uuid names the object. No name that somebody typed
reaches the object store.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Response, abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.permissions import Permission
from domain.uploads import SHOP_FILE_KINDS
from services.operations.uploads import (
    KeptUpload,
    UploadNotFound,
    list_uploads,
    open_upload,
    remove_upload,
    restore_upload,
)
from services.queries.files import StoredFile
from services.uploads.reasons import UploadRefused
from storage.models import Shop
from storage.objects import ObjectNotFound
from webapp.admin import access
from webapp.admin.base import StaffView
from webapp.auth.authorisation import may, principal, require
from webapp.downloads import stored_download
from webapp.runtime import runtime
from webapp.uploads import (
    SHOP_FILE_ACCEPT,
    keep_sent_file,
    limits,
    note_refusal,
    refusal,
    takes_uploads,
)


class ShopFilesView(StaffView):
    permission = Permission.UPLOADS_READ

    @expose("/", methods=("GET", "POST"))
    @takes_uploads
    def index(self) -> Any:
        """A shop's files and the form for another: `?shop=7`."""
        shop = _shop(request.args.get("shop", type=int))
        error = ""
        if request.method == "POST":
            require(Permission.UPLOADS_ADD)
            owner = {"mall_id": shop.mall_id, "shop_id": shop.id}
            try:
                kept = keep_sent_file(access.database(), **owner)
            except UploadRefused as refused:
                error = refusal(refused)
                note_refusal(access.database(), **owner, refused=refused)
            else:
                flash(_("“%(name)s” is kept.", name=kept.name), "success")
                return redirect(url_for(".index", shop=shop.id))
        session = access.database()
        page = self.render(
            "admin/shop_files.html",
            shop=shop,
            files=list_uploads(session, shop_id=shop.id),
            removed=list_uploads(session, shop_id=shop.id, is_deleted=True),
            kinds=SHOP_FILE_KINDS,
            chosen=request.form.get("kind", ""),
            error=error,
            accept=SHOP_FILE_ACCEPT,
            limits=limits(),
            may_add=may(Permission.UPLOADS_ADD),
            may_download=may(Permission.UPLOADS_DOWNLOAD),
        )
        return page, 422 if error else 200

    @expose("/<uuid:uuid>")
    def download(self, uuid: UUID) -> Response:
        require(Permission.UPLOADS_DOWNLOAD)
        file = _file(uuid)
        return stored_download(
            StoredFile(
                object_key=file.object_key,
                name=file.name,
                bytes=file.bytes,
                format=file.format.value,
                report="",
                mall_id=file.mall_id,
                table="uploads",
                id=file.id,
            )
        )

    @expose("/<uuid:uuid>/thumbnail")
    def thumbnail(self, uuid: UUID) -> Response:
        """The small picture that we drew ourselves, to be shown in a page."""
        require(Permission.UPLOADS_DOWNLOAD)
        file = _file(uuid, with_deleted=True)
        if not file.has_thumbnail:
            abort(404)
        try:
            data = runtime().store.get(file.thumbnail_key)
        except ObjectNotFound:
            abort(404)
        return Response(
            data,
            mimetype="image/webp",
            headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
        )

    @expose("/<uuid:uuid>/remove", methods=("GET", "POST"))
    def remove(self, uuid: UUID) -> Any:
        require(Permission.UPLOADS_ADD)
        file = _file(uuid)
        if request.method == "GET":
            return self.render("admin/shop_file_remove.html", file=file, shop=_shop(file.shop_id))
        session = access.database()
        try:
            remove_upload(
                session,
                uuid=uuid,
                mall_id=file.mall_id,
                actor_id=_actor_id(),
                now=runtime().now(),
            )
        except UploadNotFound:
            abort(404)
        session.commit()
        flash(_("“%(name)s” is removed; it can be brought back.", name=file.name), "success")
        return redirect(url_for(".index", shop=file.shop_id))

    @expose("/<uuid:uuid>/restore", methods=("POST",))
    def restore(self, uuid: UUID) -> Any:
        require(Permission.UPLOADS_ADD)
        file = _file(uuid, with_deleted=True)
        session = access.database()
        restore_upload(session, uuid=uuid, mall_id=file.mall_id)
        session.commit()
        flash(_("“%(name)s” is back.", name=file.name), "success")
        return redirect(url_for(".index", shop=file.shop_id))


def _actor_id() -> int | None:
    who = principal()
    return who.account_id if who else None


def _shop(shop_id: int | None) -> Shop:
    """A shop of the current mall, or 404."""
    shop = access.database().scalar(
        sa.select(Shop).where(Shop.id == shop_id, Shop.mall_id == access.current_mall_id())
    )
    if shop is None:
        abort(404)
    return shop


def _file(uuid: UUID, *, with_deleted: bool = False) -> KeptUpload:
    """A file of a shop of the current mall, or 404."""
    try:
        file = open_upload(
            access.database(),
            uuid=uuid,
            mall_ids=[access.current_mall_id()],
            with_deleted=with_deleted,
        )
    except UploadNotFound:
        abort(404)
    if file.shop_id is None:
        abort(404)
    return file
