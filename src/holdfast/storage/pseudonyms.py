"""Keyed hashes of customers: who was erased is kept as HMAC-SHA256 under a key of the project, and
so, where the study wants it, is everybody's id.

The key lies in privacy.key beside holdfast.toml, or in an environment variable; without it nobody
can tell from a hash whose it is, nor try all names. The list of those erased names the key it was
made with: with another key they would come back.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import StudyError, system_error
from holdfast.storage.safe_files import hold, os_errors_as, remove_leftovers, replace_file
from holdfast.study import Privacy, Study

KEY, LIST = "privacy.key", "erased.txt"
_LEAST_BYTES = 16
_PSEUDONYM, _IS_PSEUDONYM = "p_", re.compile("p_[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Pseudonyms:
    """What a project knows its customers by.

    Attributes
    ----------
    pseudonymise
        Whether every customer is known by a pseudonym only.
    erased
        Hashes of those who were erased.
    """

    project: Path
    privacy: Privacy
    erased: frozenset[str] = frozenset()
    _key: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, study: Study, *, make_key: bool = False) -> "Pseudonyms":
        """Read the key and who was erased.

        Parameters
        ----------
        make_key
            Make the key if there is none yet; one that is needed is made all the same.

        Raises
        ------
        StudyError
            The key is gone, may be read by others, or is not the one that the list was made with.
        """
        project, privacy = Path(study.project_dir), study.privacy or Privacy()
        listed = _read_list(project / LIST)
        needed = bool(listed) or privacy.pseudonymise or make_key
        key = _read_key(project, privacy, make=not listed) if needed else b""
        if listed and listed[0] != _name_key(key):
            raise StudyError(
                f"{LIST} was made with another key, and those erased would come back",
                fix=f"restore the key of the project ({privacy.key_env or KEY})",
            )
        return cls(project, privacy, frozenset(listed[1:]), key)

    @property
    def changes_ids(self) -> bool:
        """Whether ids become pseudonyms at the door."""
        return self.privacy.pseudonymise

    def digest(self, customer_id: str) -> str:
        """What is kept of somebody who was erased, 64 hex digits."""
        return self._hash("erased", customer_id)

    def pseudonym(self, customer_id: str) -> str:
        """What somebody is known by: `p_` and 32 hex digits; a pseudonym stays what it is."""
        if _IS_PSEUDONYM.fullmatch(customer_id):
            return customer_id
        return _PSEUDONYM + self._hash("id", customer_id)[:32]

    def names(self, customer_id: str) -> list[str]:
        """The id, and the pseudonym where there are pseudonyms: a run may hold either."""
        other = [self.pseudonym(customer_id)] if self.changes_ids else []
        return list(dict.fromkeys([customer_id, *other]))

    def find_erased(self, customer_ids: Iterable[str]) -> list[str]:
        """Those of the ids whose customers were erased."""
        return [each for each in customer_ids if self.digest(each) in self.erased]

    def suppress(self, customer_ids: Iterable[str]) -> None:
        """Keep these customers out from now on.

        Raises
        ------
        StudyError
            The list cannot be written.
        """
        path = self.project / LIST
        problem, lock = f"{path} cannot be written", self.project / ".erased.lock"
        with os_errors_as(StudyError, problem, fix="free the folder"), hold(lock):
            before = _read_list(path)[1:]
            lines = dict.fromkeys([*before, *map(self.digest, customer_ids)])
            text = "".join(f"{line}\n" for line in (_name_key(self._key), *lines))
            remove_leftovers(path)
            replace_file(path, lambda new: new.write_text(text, encoding="ascii"))

    def _hash(self, what: str, customer_id: str) -> str:
        text = f"{what}:{customer_id}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256").hex()


def _read_list(path: Path) -> list[str]:
    """The key's name, then the hashes; nothing where nobody was erased."""
    try:
        return path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise system_error(error) or StudyError(
            f"{path} cannot be read: {error}", fix="restore it: it says who was erased"
        ) from None


def _name_key(key: bytes) -> str:
    return f"key {hashlib.sha256(b'name:' + key).hexdigest()[:16]}"


def _read_key(project: Path, privacy: Privacy, *, make: bool) -> bytes:
    if privacy.key_env:
        key = os.environ.get(privacy.key_env, "").encode()
        if len(key) < _LEAST_BYTES:
            raise StudyError(
                f"the environment variable {privacy.key_env} holds no key of {_LEAST_BYTES} "
                "characters or more",
                fix=f'export {privacy.key_env}="$(openssl rand -hex 32)", once, and keep it',
            )
        return key
    path = project / KEY
    with os_errors_as(StudyError, f"{path} cannot be read", fix="let this user read it"):
        if make and not path.exists():
            with hold(project / ".erased.lock"):
                if not path.exists():
                    text = f"{secrets.token_hex(32)}\n"
                    replace_file(path, lambda new: new.write_text(text, "ascii"))
        if not path.exists():
            problem = f"{path} is gone, and without it those erased would come back"
            raise StudyError(problem, fix="restore it from a copy")
        if path.stat().st_mode & 0o077:
            raise StudyError(f"{path} may be read by others", fix=f"chmod 600 {path}")
        key = path.read_bytes().strip()
    if len(key) < _LEAST_BYTES:
        raise StudyError(f"{path} holds no key", fix="restore it from a copy")
    return key
