"""Lines that matter, broken one at a time: ``python tests/mutants.py [WORD ...]``.

Each of ``MUTANTS`` takes away something that keeps people apart or strangers out, in a copy of the
tree, never in the tree itself; the tests that it names have to fail. Words select the mutants whose
file or description holds one of them. The exit status is 1 if a mutant survives, if its old text
does not stand exactly once in its file, or if the named tests fail without it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What is not the tree: environments, caches, what a developer's server has left.
NOT_COPIED = (".git", ".venv", ".env", "__pycache__", ".*_cache", "node_modules", "*.sqlite3*")
#: Seconds that the tests of one mutant may take, and that they may take together without one.
PATIENCE, WHOLE = 300, 1200
#: Exit statuses of pytest.
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Mutant:
    file: str
    #: What becomes possible.
    opens: str
    old: str
    new: str
    #: Who must object: files of tests, or ``file::test``.
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.opens}"


def _mutants(
    file: str, tests: str, lines: Sequence[tuple[str, str, str] | tuple[str, str, str, str]]
) -> Iterator[Mutant]:
    """Of one file. A line may name tests of its own."""
    for opens, old, new, *own in lines:
        yield Mutant(file, opens, old, new, tuple((own[0] if own else tests).split()))


MUTANTS = [
    # -- crypto --------------------------------------------------------------------------------
    *_mutants(
        "wxauth/crypto/payload.py",
        "tests/crypto/test_payload.py",
        [
            (
                "an iv of any length",
                "if len(parsed.iv) != BLOCK or not parsed.ciphertext",
                "if not parsed.ciphertext",
            ),
            (
                "padding of which only the last byte is right",
                " and padded.endswith(bytes([length]) * length)",
                "",
            ),
            ("data without the watermark that is required", "return not required", "return True"),
            (
                "data of another app",
                " or not Secret(marked).matches(Secret(appid))",
                "",
            ),
            ("data of any age", "now - max_age <= timestamp <= now", "timestamp <= now"),
            ("data from the future", "<= timestamp <= now + max_age", "<= timestamp"),
            (
                "any signature",
                "return made.matches(Secret(signature))",
                "return True",
            ),
            (
                "a signature that everybody can make",
                "(raw_data + session_key.reveal()).encode()",
                "raw_data.encode()",
            ),
            ("padding of base64 that is too long", " or len(padding) > missing", ""),
        ],
    ),
    *_mutants(
        "wxauth/crypto/gcm.py",
        "tests/crypto/test_gcm.py",
        [
            (
                "a sealed value with a bit flipped",
                "cipher.decrypt_and_verify(sealed[:-TAG_BYTES], sealed[-TAG_BYTES:])",
                "cipher.decrypt(sealed[:-TAG_BYTES])",
            ),
        ],
    ),
    *_mutants(
        "wxauth/crypto/push.py",
        "tests/crypto/test_push.py",
        [
            (
                "any signature",
                "return made.matches(Secret(signature))",
                "return True",
            ),
            ("a signature that everybody can make", "(token.reveal(), *parts)", "parts"),
            (
                "padding of which only the last byte is right",
                " and padded.endswith(bytes([count]) * count)",
                "",
            ),
            ("padding of more than a block", "1 <= count <= PADDING_BLOCK", "1 <= count"),
            ("a message for another app", " and is_ours else None", " else None"),
        ],
    ),
    *_mutants(
        "wxauth/strict_xml.py",
        "tests/test_strict_xml.py",
        [
            (
                "entities",
                "parser.StartDoctypeDeclHandler = _refuse",
                "pass",
            ),
            ("any depth", "len(self._open) > MAX_DEPTH", "False"),
        ],
    ),
    *_mutants(
        "wxauth/services/push/receiving.py",
        "tests/api/push/test_push.py",
        [
            (
                "messages of somebody without the Token",
                " or not sealed or not timely",
                " or not timely",
            ),
            ("a signature that does not cover the message", "or not sealed or", "or not signed or"),
            ("messages of any age", " or not timely or message is None", " or message is None"),
            ("a message as often as one likes", "if replay.is_spent(digest):", "if False:"),
            (
                "a check for everybody",
                "if app is None or not signed or not timely or not ECHO",
                "if app is None or not timely or not ECHO",
            ),
            ("pages that are echoed", " or not ECHO.fullmatch(echo)", ""),
        ],
    ),
    *_mutants(
        "wxauth/services/push/personal_data.py",
        "tests/api/push/test_personal_data.py",
        [
            (
                "an event about another app",
                'if get_text(message, "AppID") not in {app.appid, ""}:',
                "if False:",
            ),
            (
                "erasing who has another way to log in",
                "if not linking.has_another(user, besides=identity.pk) and deletion",
                "if deletion",
            ),
            (
                "a block that is got round by closing the account",
                "if not user.is_active or any(person.blocked_at is not None for person in family):",
                "if False:",
            ),
            ("what a merge remembers", "if len(family) > 1:", "if False:"),
        ],
    ),
    *_mutants(
        "wxauth/services/profile/forgetting.py",
        "tests/api/push/test_personal_data.py",
        [
            (
                "what another app showed",
                'if getattr(person, f"{fact}_appid") in appids',
                "",
            ),
            ("files that nobody finds again", "        pictures.delete(name)", "        pass"),
        ],
    ),
    *_mutants(
        "wxauth/crypto/keyring.py",
        "tests/crypto/test_keyring.py",
        [
            (
                "a sealed value that is copied to another row",
                "json.dumps(parts).encode()",
                "json.dumps(parts[:2]).encode()",
            ),
            (
                "two places that yield the same bytes",
                "json.dumps(parts).encode()",
                '"".join(parts).encode()',
            ),
            ("two texts for one sealed value", " or _to_text(raw) != payload", ""),
            (
                "the same nonce twice",
                "nonce = secrets.token_bytes(NONCE_BYTES)",
                "nonce = bytes(NONCE_BYTES)",
            ),
            ("a digest for one purpose that serves another", "_join(purpose, text)", "_join(text)"),
            ("digests that need no key", "hmac.digest(self._key,", 'hmac.digest(b"wxauth",'),
        ],
    ),
    *_mutants(
        "wxauth/types.py",
        "tests/test_types.py",
        [
            ("a secret in a log", 'return "Secret(…)"', "return self._text"),
            (
                "a secret in the cache",
                'raise TypeError("A secret is not pickled.")',
                'return "wxauth"',
                "tests/test_types.py tests/project/test_canary.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/crypto/tokens.py",
        "tests/crypto/test_tokens.py",
        [
            ("tokens that can be guessed", "token_urlsafe(32)", "token_urlsafe(4)"),
            ("the beginning of a token for the whole", "(token.encode(", "(token[:20].encode("),
        ],
    ),
    # -- tokens and logins ---------------------------------------------------------------------
    *_mutants(
        "wxauth/authentication.py",
        "tests/api/requests/test_tokens.py",
        [
            (
                "a token that is over",
                " or not login.is_live(timezone.now())",
                "",
            ),
            ("the token of somebody who is blocked", " or login.person.is_shut_out", ""),
            (
                "a token by an openid that is somebody else's now",
                "if login.via.identity.person_id != login.person_id:",
                "if False:",
                "tests/services/login/test_admission.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/models.py",
        "tests/api/requests/test_tokens.py",
        [
            ("a token after logout", "self.revoked_at is None and self", "self"),
            (
                "a token for ever",
                "self.revoked_at is None and self.expires_at > now",
                "self.revoked_at is None",
            ),
        ],
    ),
    *_mutants(
        "wxauth/managers.py",
        "tests/api/login/test_logins.py",
        [
            (
                "a session_key that outlives its login",
                "revoked_at=now, sealed_session_key=None",
                "revoked_at=now",
            ),
            (
                "a replica that has not heard of a logout",
                "super().get_queryset().using(router.db_for_write(self.model))",
                "super().get_queryset()",
                "tests/test_models.py",
            ),
            (
                "the openid of one app in another",
                "self.filter(appid=appid, openid=openid)",
                "self.filter(openid=openid)",
                "tests/services/login/test_admission.py tests/services/login/test_by_code.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/compiled.py",
        "tests/test_compiled.py",
        [
            (
                "the row of somebody who asks at the same moment",
                "compiler = copy(statement.compiler)",
                "compiler = statement.compiler",
            ),
            (
                "one row for everybody",
                "if sorted(p for p in params if type(p) is _Slot) != sorted(slots):",
                "if False:",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/logout.py",
        "tests/services/login/test_logout.py",
        [
            (
                "ending a login of somebody else",
                "filter(pk=login_id, person=login.person_id)",
                "filter(pk=login_id)",
            ),
            (
                "ending everybody's logins",
                "= Login.objects.filter(person=key)",
                "= Login.objects.all()",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/entry.py",
        "tests/api/login/test_login.py",
        [
            (
                "tokens that live longer than the setting says",
                "timedelta(seconds=conf.TOKEN_TTL if seconds is None else seconds)",
                "timedelta(days=3650)",
            ),
            (
                "the token itself in the database",
                "digest = token_digest(opening.token.reveal())",
                "digest = opening.token.reveal()[:43]",
            ),
        ],
    ),
    # -- who is who ----------------------------------------------------------------------------
    *_mutants(
        "wxauth/services/login/by_code.py",
        "tests/services/login/test_by_code.py",
        [
            (
                "data that was used before, with another login",
                "again=claim.session is not None",
                "again=True",
                "tests/api/login/test_enclosures.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/signing_in.py",
        "tests/services/login/test_by_code.py",
        [
            ("a login of somebody who is blocked", "if person.is_shut_out:", "if False:"),
            (
                "phone codes of strangers that the business pays for",
                "admission.refuse_strangers(app=app, session=session, signup=signup)",
                "pass",
                "tests/api/login/test_phone_code.py",
            ),
            (
                "logins without a limit by openid",
                '    limits.hit("login_openid", session.openid, appid=app.appid)\n',
                "",
                "tests/api/requests/test_limits.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/admission.py",
        "tests/services/login/test_admission.py",
        [
            (
                "sign-up without the number that it needs",
                ' or (conf.SIGNUP == "phone" and phone is None)',
                "",
                "tests/api/login/test_phone_code.py",
            ),
            (
                "one person for equal unionids of two platforms",
                "filter(platform=app.platform, unionid=session.unionid)",
                "filter(unionid=session.unionid)",
            ),
            (
                "one person for all who have no unionid",
                "    if session.unionid is None:\n        return None\n",
                "",
            ),
            (
                "two people of one app under one user",
                "if OpenId.objects.for_user(user, app.appid).exists():",
                "if False:",
                "tests/services/login/test_by_code.py",
            ),
            (
                "a user who is joined into somebody who is blocked",
                " or identity.person.is_shut_out",
                "",
                "tests/services/login/test_joining.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/joining.py",
        "tests/services/login/test_joining.py",
        [
            ("a block that joining lifts", "not person.is_shut_out and ", ""),
            (
                "joining again whom the staff have parted",
                " or _was_parted(person, owner)",
                "",
            ),
            (
                "joining two who both have something to lose",
                "for each in (person, owner) if _is_disposable(each)",
                "for each in (person, owner)",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/linking.py",
        "tests/api/login/test_linking.py",
        [
            (
                "taking the openid of somebody else",
                "if identity is not None and identity.person_id != person.pk:",
                "if False:",
            ),
            (
                "taking the unionid of somebody else",
                "in (known.identity if known else None, owned):",
                "in (known.identity if known else None,):",
            ),
            (
                "two WeChat accounts of one app under one user",
                "if OpenId.objects.for_user(person.user, app.appid).exists():",
                "if False:",
            ),
            (
                "removing an identity of somebody else",
                "Identity.objects.filter(person=login.person_id, pk=identity_id)",
                "Identity.objects.filter(pk=identity_id)",
            ),
            (
                "removing the last way in",
                "if not has_another(user, besides=identity_id):",
                "if False:",
            ),
            ("linking by somebody who is blocked", "if person.is_shut_out:", "if False:"),
        ],
    ),
    *_mutants(
        "wxauth/api/identities.py",
        "tests/api/login/test_linking.py",
        [
            (
                "linking by a page that the victim visits",
                "SessionAuthentication().enforce_csrf(request)",
                "pass",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/profile/phone.py",
        "tests/api/profile/test_phone_code.py tests/api/profile/test_phone_data.py",
        [
            ("moving a number that nobody verified", "if not verified:", "if False:"),
            (
                "a number in encrypted data that counts as verified",
                "keep(login=login, number=number)\n",
                "keep(login=login, number=number, verified=True)\n",
            ),
            (
                "the phone code of somebody else",
                "get_phone_number(code, openid)",
                'get_phone_number(code, "")',
            ),
        ],
    ),
    *_mutants(
        "wxauth/wechat/answers.py",
        "tests/wechat/test_client.py tests/wechat/test_endpoints.py",
        [
            (
                "a login in spite of an errcode",
                "if int(errcode) == 0:",
                'if int(errcode) == 0 or "openid" in answer:',
            ),
            ("a number of another app", 'if watermark.get("appid") != appid:', "if False:"),
            (
                "the session_key of somebody else",
                'session_key = answer.get("session_key")\n    if answer.get("openid") != openid:',
                'session_key = answer.get("session_key")\n    if False:',
            ),
        ],
    ),
    # -- the other doors -----------------------------------------------------------------------
    *_mutants(
        "wxauth/services/login/by_gateway.py",
        "tests/api/login/test_cloud.py",
        [
            ("headers of anybody's, by default", "    if not conf.CLOUD:", "    if False:"),
            ("another environment", 'headers.get("X-WX-ENV") != environment', "False"),
            ("no environment at all", "or not environment or", "or"),
            ("whatever has called", "if source not in SOURCES or", "if"),
            ("an app that the phone does not mean", "if claimed is not None and", "if False and"),
            ("two openids in one", ' and "," not in text', ""),
            ("an app that has no gateway", "if app.kind not in KINDS:", "if False:"),
            ("the owner of a shared environment", "CALLER if", "OWNER if"),
        ],
    ),
    *_mutants(
        "wxauth/services/login/exchange.py",
        "tests/api/login/test_mobile_app.py",
        [("codes that belong into a browser", "if app.kind in BROWSERS:", "if False:")],
    ),
    *_mutants(
        "wxauth/services/login/enclosures.py",
        "tests/api/login/test_mobile_app.py",
        [
            (
                "a code that is spent with what cannot be of use",
                "if phone_code is not None and not is_miniprogram:",
                "if False:",
            ),
        ],
    ),
    *_mutants(
        "wxauth/wechat/answers.py",
        "tests/wechat/test_oauth2.py",
        [
            (
                "the virtual person of a snapshot",
                'if answer.get("is_snapshotuser", 0) not in (0, "0"):',
                "if False:",
            ),
            ("the profile of somebody else", 'if answer.get("openid") != asked:', "if False:"),
        ],
    ),
    *_mutants(
        "wxauth/api/prefetch.py",
        "tests/api/login/test_prefetch.py",
        [
            ("a door that nobody opened", "if not conf.PREFETCH:", "if False:"),
            ("the token of another app", "login.appid != app.appid", "False"),
            ("tokens in Django's warnings", 'request.META["QUERY_STRING"] = ""', "pass"),
            ("more than WeChat keeps", "if size <= MAX_ANSWER:", "if True:"),
        ],
    ),
    # -- pages for browsers --------------------------------------------------------------------
    *_mutants(
        "wxauth/web/states.py",
        "tests/web/test_states.py",
        [
            ("a state twice", 'or row["used"] or', "or"),
            ("a state for ever", 'or row["until"] <= time.time()', ""),
            ("a state that is used in memory only", "        session.save()\n", "        pass\n"),
        ],
    ),
    *_mutants(
        "wxauth/web/doors.py",
        "tests/web/test_states.py",
        [
            ("any address after a login", "text if is_next(text) else", "text if text else"),
            ("line breaks in it", "bool(NEXT.fullmatch(text)) and", ""),
            ("two slashes", " and url_has_allowed_host_and_scheme(text, allowed_hosts=None)", ""),
        ],
    ),
    *_mutants(
        "wxauth/web/sessions.py",
        "tests/web/test_sessions.py",
        [
            ("sessions that outlive their login", " or not _is_live(key, user)", ""),
            ("the data of who is out", "        request.session.flush()\n", ""),
            ("openids that have moved", "        via__identity__person=user.pk,\n", ""),
        ],
    ),
    *_mutants(
        "wxauth/web/sessions.py",
        "tests/web/test_guests.py",
        [("a planted session", "        request.session.cycle_key()\n", "        pass\n")],
    ),
    *_mutants(
        "wxauth/services/login/signing_in.py",
        "tests/web/test_sessions.py",
        [("staff without a password", "if opening.browser and conf.refuses_staff", "if False and")],
    ),
    *_mutants(
        "wxauth/web/views.py",
        "tests/web/test_linking.py",
        [("linking to whoever is there", "if wish.user != str(request.user.pk):", "if False:")],
    ),
    *_mutants(
        "wxauth/services/login/tickets.py",
        "tests/web/test_tickets.py",
        [
            ("a ticket twice", "    transactions.run(lambda: _spend(ticket))\n", ""),
            ("a ticket for ever", ", max_age=LIFE", ""),
            (
                "a ticket of a login that has ended",
                "Login.objects.live(timezone.now())",
                "Login.objects",
            ),
        ],
    ),
    # -- one code twice, and the cache ---------------------------------------------------------
    *_mutants(
        "wxauth/services/login/repeats.py",
        "tests/api/login/test_repeats.py",
        [
            (
                "a stolen code from another address",
                "[appid, code.reveal(), address, user_agent]",
                "[appid, code.reveal(), user_agent]",
            ),
            (
                "a stolen code from another device",
                "[appid, code.reveal(), address, user_agent]",
                "[appid, code.reveal(), address]",
            ),
            (
                "a login of one app through another",
                "[appid, code.reveal(), address, user_agent]",
                "[code.reveal(), address, user_agent]",
            ),
            (
                "a login that was ended, again",
                "revoked_at=None, created_at__gt=oldest",
                "created_at__gt=oldest",
            ),
            (
                "a login of long ago, again",
                "revoked_at=None, created_at__gt=oldest",
                "revoked_at=None",
                "tests/api/login/test_repeats.py tests/api/requests/test_cache_writer.py",
            ),
            (
                "sharing by phones that cannot be told apart",
                "if address is None:",
                "if False:",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/cache.py",
        "tests/api/requests/test_cache_writer.py",
        [
            (
                "a claim that anybody may write",
                "if Secret(value).matches(Secret(sign(key, number))):",
                "if True:",
            ),
            (
                "a claim copied from another place",
                "json.dumps([key, value])",
                "json.dumps([value])",
            ),
        ],
    ),
    # -- limits and proxies --------------------------------------------------------------------
    *_mutants(
        "wxauth/api/login.py",
        "tests/api/requests/test_limits.py",
        [
            (
                "wrong requests without a limit",
                "if self._hit is not None and not self._hit.is_counted:",
                "if False:",
            ),
            (
                "a view of a project's own without a limit",
                'if getattr(handler, "__func__", None) is not LoginView.post:',
                "if False:",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/login/repeats.py",
        "tests/api/requests/test_limits.py tests/api/requests/test_proxies.py",
        [
            (
                "phones that cannot be told apart without a limit",
                "            hit.count()\n",
                "            pass\n",
            )
        ],
    ),
    *_mutants(
        "wxauth/services/limits.py",
        "tests/api/requests/test_limits.py",
        [
            ("as many requests as anybody likes", "return count <= rate.count", "return True"),
            (
                "a limit that a full window does not end",
                "if self._window.seen >= self._rate.count:",
                "if False:",
            ),
            (
                "as many requests as anybody likes, once the cache is gone",
                "return window.seen < rate.count and window.alone <= share",
                "return True",
            ),
        ],
    ),
    *_mutants(
        "wxauth/api/limits.py",
        "tests/api/requests/test_limits.py tests/api/requests/test_proxies.py",
        [
            (
                "a limit for each of the addresses of one phone",
                "return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))",
                "return address",
            ),
            (
                "no limit where the proxy is not as declared",
                "times=STAND_IN)",
                "times=10**9)",
            ),
            ("a limit for each login of a person", "request.auth.person_id", "request.auth.pk"),
        ],
    ),
    *_mutants(
        "wxauth/api/device.py",
        "tests/api/requests/test_proxies.py tests/api/requests/test_limits.py",
        [
            ("an address that the client chooses", "_parse(hops[-proxies])", "_parse(hops[0])"),
            (
                "an address from a header that no proxy wrote",
                "if proxies > 0:",
                'if proxies > 0 or "X-Forwarded-For" in request.headers:',
            ),
        ],
    ),
    # -- the failure budget, and replay --------------------------------------------------------
    *_mutants(
        "wxauth/services/data/budget.py",
        "tests/api/data/test_budget.py",
        [
            (
                "any number of attempts on a key that WeChat gives again",
                "return [trial for trial in trials if trial.row.failures < BUDGET]",
                "return trials",
            ),
            ("failures that do not add up", "row.failures += 1", "row.failures = 1"),
            (
                "keys that stay after the last failure",
                "    keys.update(sealed_session_key=None)\n",
                "",
            ),
            (
                "a budget anew for who unlinks and links again",
                "[openid.appid, openid.openid, key.reveal()]",
                "[openid.pk, key.reveal()]",
                "tests/api/data/test_attack.py tests/api/data/test_budget.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/data/opening.py",
        "tests/services/data/test_opening.py",
        [
            (
                "data about a person without its watermark",
                "required=conf.REQUIRE_WATERMARK or any(name in opened.data for name in _PERSONAL)",
                "required=conf.REQUIRE_WATERMARK",
            ),
            (
                "data of somebody else",
                'if opened.data.get("openId", login.openid) == login.openid:',
                "if True:",
            ),
            (
                "data that was used before",
                "if opened is None or (spent and not use.again):",
                "if opened is None:",
                "tests/api/data/test_budget.py",
            ),
            (
                "data with a wrong signature beside it",
                "is not None and signed and",
                "is not None and",
            ),
            (
                "learning that data of another kind opened",
                " and wanted(opened.data)",
                "",
                "tests/api/data/test_budget.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/data/replay.py",
        "tests/api/data/test_budget.py",
        [
            (
                "used data in disguise",
                "sent.ciphertext[-BLOCK:].hex()",
                "sent.ciphertext.hex()",
            ),
            (
                "used data once its mark is cleared away",
                "now + timedelta(seconds=seconds)",
                "now",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/data/session_keys.py",
        "tests/api/data/test_session_keys.py",
        [
            (
                "the session_key of who had this openid before",
                "_usable(login.via_id).filter(person=login.person_id)",
                "_usable(login.via_id)",
            ),
            ("a key that was superseded long ago", "elif superseded_at >= oldest:", "else:"),
        ],
    ),
    # -- merging -------------------------------------------------------------------------------
    *_mutants(
        "wxauth/services/merging/merges.py",
        "tests/services/merging/test_merges.py",
        [
            (
                "tokens of an account that was given up",
                "    Login.objects.filter(person=giver).revoke(timezone.now())\n",
                "",
            ),
            (
                "an account that goes on after it was given up",
                "    _set_active(pair, giver.user, False)\n",
                "",
            ),
            (
                "merging an account twice",
                "if person.merged_into_id is not None",
                "if False",
            ),
            (
                "tokens of the survivor by an openid that went back",
                "via__identity__person=back).revoke(timezone.now())",
                "via__identity__person=back)",
                "tests/services/login/test_joining.py",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/merging/accounts.py",
        "tests/services/merging/test_merges.py",
        [
            (
                "a block that merging lifts",
                '"block": _take_block(giver, taker),',
                '"block": False,',
            ),
            (
                "tokens of a survivor who is blocked by the merge",
                "    Login.objects.filter(person=taker).revoke(timezone.now())\n",
                "",
            ),
        ],
    ),
    *_mutants(
        "wxauth/services/merging/returning.py",
        "tests/services/merging/test_merges.py tests/services/merging/test_returning.py",
        [
            (
                "undoing over what the survivor has done since",
                'rows.to_texts(row, entry["to"]) == entry["to"]',
                "True",
            ),
        ],
    ),
    *_mutants(
        "wxauth/admin/merging.py",
        "tests/admin/test_merging.py",
        [
            (
                "merging without the permission",
                "if not may_merge(request) or not _may_touch(request, source, target):",
                "if not _may_touch(request, source, target):",
            ),
            (
                "the rights of an employee for whoever may merge",
                " or not staff",
                " or True",
            ),
        ],
    ),
]


def copy_tree(folder: Path) -> Path:
    """A copy of the tree as it stands, uncommitted changes included."""
    copy = folder / "tree"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return copy


def count_old(mutant: Mutant, tree: Path = ROOT) -> int:
    """How often its old text stands in its file: it has to be once."""
    return (tree / mutant.file).read_text(encoding="utf-8").count(mutant.old)


#: Python tells bytecode of before by size and second alone: each writing has a second of its own.
_seconds = itertools.count(1_000_000_000)


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    second = next(_seconds)
    os.utime(path, (second, second))


def run_tests(tree: Path, tests: Sequence[str], patience: float) -> int | None:
    """The exit status of pytest, or None where it took too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:randomly"]
    # Those that make test leaves out, too, as long as they need nothing but SQLite.
    command += ["-m", "not client and not hosts and not slow and not wheel", *tests]
    try:
        return subprocess.run(
            command,
            cwd=tree,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=patience,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def judge(mutant: Mutant, tree: Path) -> str | None:
    """What is wrong: None where the tests object, as they should."""
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    found = whole.count(mutant.old)
    if found != 1:
        return f"its old text stands there {found} times"
    write(path, whole.replace(mutant.old, mutant.new))
    try:
        status = run_tests(tree, mutant.tests, PATIENCE)
    finally:
        write(path, whole)
    if status == FAILED:
        return None
    return "SURVIVED" if status == PASSED else f"the tests did not run (pytest says {status})"


def main(words: Sequence[str]) -> int:
    chosen = [
        mutant for mutant in MUTANTS if not words or any(word in str(mutant) for word in words)
    ]
    with tempfile.TemporaryDirectory(prefix="wxauth-mutants-") as folder:
        tree = copy_tree(Path(folder))
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        if not tests or run_tests(tree, tests, WHOLE) != PASSED:
            print("The tests have to pass before anything is broken.")
            return 1
        problems = 0
        for mutant in chosen:
            begun = time.monotonic()
            problem = judge(mutant, tree)
            problems += problem is not None
            seconds = time.monotonic() - begun
            print(f"{problem or 'caught'} ({seconds:.0f} s): {mutant}", flush=True)
    print(f"{len(chosen)} mutants, {len(chosen) - problems} caught.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
