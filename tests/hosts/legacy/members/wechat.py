from __future__ import annotations

from wxauth.adapter import Adapter

from .models import Member

APPID = "wx0000000000000001"


class MemberAdapter(Adapter):
    """People who were here before wxauth: by the old column, or by a number WeChat verified."""

    def find_user(self, *, app, openid, unionid, phone, extra):
        if app.appid == APPID:
            member = Member.objects.filter(openid=openid).first()
            if member is not None:
                return member
        if phone is not None:
            # Nobody who has a password, nor staff: a number that the carrier gave to somebody new
            # must not open an account worth stealing. Nor where the column names two people.
            mobile = phone.reveal().removeprefix("+86")
            found = Member.objects.filter(mobile=mobile, is_staff=False, openid=None)[:2]
            if len(found) == 1:
                return found[0]
        return None

    def build_user(self, *, app, openid, unionid, phone, extra):
        if extra.get("invitation") == "forged":
            self.refuse(code="bad_invitation", detail="This invitation is not ours.")
        if extra.get("invitation") == "broken":
            raise RuntimeError("a bug of the project")
        member = super().build_user(
            app=app, openid=openid, unionid=unionid, phone=phone, extra=extra
        )
        if app.appid == APPID:
            # So that the old endpoint finds whoever came by the new one.
            member.openid = openid
        return member

    def erase_user(self, *, user):
        # What `find_user` goes by: otherwise whoever was deleted is found again, and shut out.
        user.openid, user.mobile = None, ""
        super().erase_user(user=user)

    def login_payload(self, *, user, login, created):
        return {"member": user.pk}
