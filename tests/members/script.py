"""What a project with this user model does with wxauth, in a process of its own."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "tests.members",
        "wxauth",
    ],
    AUTH_USER_MODEL="members.Member",
    ROOT_URLCONF="wxauth.urls",
    USE_TZ=False,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    WXAUTH={
        "APPS": {"wx-one": {"SECRET": "x"}, "wx-two": {"SECRET": "x"}},
        "DEFAULT_APP": "wx-one",
        "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
        "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402

from tests.members.models import Bill, Customer, Delivery, Member  # noqa: E402
from wxauth.models import Event, Identity, Merge, Person  # noqa: E402
from wxauth.services.login import by_code, exchange  # noqa: E402
from wxauth.services.merging import merges  # noqa: E402
from wxauth.types import App, Secret, Session  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
said = {}

# A late unionid: two members become one, and two again.
unionids: dict[str, str] = {}


class Client:
    def __init__(self, app: App) -> None:
        self.appid = app.appid

    def code2session(self, code: Secret) -> Session:
        return Session(f"o-{self.appid}", Secret("key"), unionids.get(self.appid))


exchange.get_client = Client  # type: ignore[assignment]


def enter(appid: str):
    return by_code.log_in(app=exchange.get_app(appid), code=Secret("x")).login.person.user


first, second = enter("wx-one"), enter("wx-two")
Bill.objects.create(member=first)
unionids.update({"wx-one": "u", "wx-two": "u"})
enter("wx-one"), enter("wx-two")
said["joined"] = enter("wx-one").pk == enter("wx-two").pk == first.pk
said["event"] = Event.objects.get().other == str(second.pk)
merges.undo(merge_id=Merge.objects.get().pk, actor="x")
said["parted"] = Person.objects.get(pk=second.pk).merged_into_id is None

# The staff merge: everything that refers to the member, by whatever column, and to the other half.
halves = []
for member in (first, second):
    half = Customer(member_ptr_id=member.pk)
    half.__dict__.update({f.attname: getattr(member, f.attname) for f in Member._meta.fields})
    half.save_base(raw=True)
    halves.append(half)
delivery = Delivery.objects.create(customer=halves[0])
done = merges.merge(source=str(first.pk), target=second, actor="x")
bill = Bill.objects.get()
delivery.refresh_from_db()
said["bill"] = bill.member_id == second.number
said["delivery"] = delivery.customer_id == second.pk
said["half"] = Customer.objects.filter(pk=first.pk).exists()
merges.undo(merge_id=done.pk, actor="x")
bill.refresh_from_db()
delivery.refresh_from_db()
said["back"] = bill.member_id == first.number and delivery.customer_id == first.pk

# And the import.
path = Path(sys.argv[1])
third = Member.objects.create(number="third")
path.write_text(
    json.dumps({"openid": "o-3", "user": str(third.pk)}) + '\n{"openid": "o-4", "user": 5}'
)
out = io.StringIO()
call_command("wxauth_import", path, stdout=out)
said["imported"] = Identity.objects.get(openids__openid="o-3").person_id == third.pk
said["summary"] = out.getvalue().splitlines()[-1]
print(json.dumps(said))
