"""Found by the admin's autodiscovery, and imported by nothing else: the admin is optional."""

from . import identity, login, openid, person

__all__ = ["identity", "login", "openid", "person"]
