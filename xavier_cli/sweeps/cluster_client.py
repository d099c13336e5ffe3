"""Connects to the scheduler of a Dask cluster, by TLS if its address says so, and compares versions."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.sweeps.json_file import read_json

if TYPE_CHECKING:
    from distributed import Client, Security

# The schemes of encrypted addresses.
_ENCRYPTED = ("tls", "wss")
_SCHEDULER_FILE_BYTES = 2**24
# Dask's settings of certificates: attribute of `Security`, environment variable, description.
_CERTIFICATES = (
    ("tls_ca_file", "DASK_DISTRIBUTED__COMM__TLS__CA_FILE", "the certificate authority"),
    ("tls_client_cert", "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT", "this side's certificate"),
    ("tls_client_key", "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY", "its key"),
)


class ClusterError(XavierError):
    """A cluster that cannot be used; the message names it and says why, in one line."""

    exit_code = ExitCode.USAGE


def connect(address: str, seconds: float) -> Client:
    """A client of the scheduler at `address`, which may be a scheduler file.

    Raises `ClusterError`, also if Dask is not installed.
    """
    try:
        from distributed import Client
        from distributed.comm.registry import backends
    except ImportError:
        raise ClusterError("`--cluster` needs the package `distributed`: `pip install distributed`") from None
    # Silence Dask's logs: errors are reported here, in one line.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scheme = ""
    try:
        place = _in_file(Path(address)) if address.endswith(".json") else address
        scheme, separator, _ = place.partition("://")
        if separator and scheme not in backends:
            raise ValueError(f"use an address like {', '.join(f'{each}://' for each in sorted(backends))}")
        security = _security(scheme if separator else "tcp")
        return Client(place, timeout=seconds, set_as_default=False, security=security)
    # Any exception, since anything may be wrong with an address or with the server behind it.
    except Exception as error:
        raise ClusterError(
            f"no cluster at `{address}`: {_why(error, seconds, scheme in _ENCRYPTED)}"
        ) from None


def _in_file(path: Path) -> str:
    """The address in a scheduler file."""
    try:
        content = read_json(path, _SCHEDULER_FILE_BYTES)
    except OSError as error:
        raise ValueError("no such file" if isinstance(error, FileNotFoundError) else error.strerror) from None
    except ValueError as error:
        raise ValueError(f"no scheduler's file: {error}") from None
    address = content.get("address") if isinstance(content, dict) else None
    if not isinstance(address, str):
        raise ValueError("no scheduler's file: it holds no address")
    return address


def _security(scheme: str) -> Security:
    """The certificates in Dask's configuration; raises `ValueError` if TLS needs more."""
    from distributed import Security

    if scheme not in _ENCRYPTED:
        return Security()
    # Also for connections to workers, which are direct.
    security = Security(require_encryption=True)
    for attribute, variable, what in _CERTIFICATES[:2]:
        if not getattr(security, attribute):
            raise ValueError(f"`{scheme}://` needs {what}: set {variable} to its file")
    for attribute, variable, what in _CERTIFICATES:
        name = getattr(security, attribute)
        if isinstance(name, str) and "\n" not in name and not Path(name).is_file():
            raise ValueError(f"{variable} names `{name}`, and there is no such file")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{variable} should be the name of a file: {what}")
    try:
        security.get_connection_args("client")
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
        names = ", ".join(variable.rpartition("TLS__")[2] for _, variable, _ in _CERTIFICATES)
        why = why.lower().replace("_", " ")
        raise ValueError(f"the files in DASK_DISTRIBUTED__COMM__TLS__… ({names}) do not fit: {why}") from None
    return security


def _why(error: BaseException, seconds: float, is_encrypted: bool) -> str:
    """A message for `error` that says what to do about it."""
    from distributed.comm import CommClosedError
    from distributed.comm.core import FatalCommClosedError

    causes = [error]
    while cause := causes[-1].__cause__ or (
        None if causes[-1].__suppress_context__ else causes[-1].__context__
    ):
        causes.append(cause)
    text = " ".join(" ".join(map(str, causes)).split())
    ca, own = (variable for _, variable, _ in _CERTIFICATES[:2])
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return f"{ca} does not vouch for its certificate"
    if "SSLError" in text and "alert" in text.lower():
        return f"it refused the certificate in {own}"
    # During the TLS handshake every error is fatal or retried. The certificate is checked after that, and the
    # server's message about it may be lost while this side is still writing.
    if is_encrypted and isinstance(error, CommClosedError) and not isinstance(error, FatalCommClosedError):
        return f"it hung up over TLS: it may not accept the certificate in {own}"
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "what answers there does not speak TLS as a scheduler does"
    if isinstance(error, CommClosedError):
        return "what answered hung up: a scheduler may want an address like `tls://HOST:8786`"
    if isinstance(error, OSError):
        return f"no answer within {seconds:g} s"
    return " ".join(str(error).split()) or type(error).__name__


def check_versions(client: Client) -> None:
    """Raise `ClusterError` if a worker has another version of Python or of the packages than here."""
    from xavier_cli.sweeps.cluster_job import PACKAGES, difference, versions

    ours = versions()
    wrong = []
    for worker, facts in sorted(client.get_versions(packages=PACKAGES)["workers"].items()):
        python = ".".join(facts["host"]["python"].split(".")[:2])
        if found := difference({**facts["packages"], "python": python}, ours):
            wrong.append(f"worker {worker} has {found}")
    if wrong:
        more = f"; so do {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ClusterError(f"{wrong[0]}{more}: numbers depend on versions, install the same everywhere")
