"""Key providers, each against a counterpart that runs here."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import grpc
import hvac
import pytest
from botocore.config import Config
from fake_gcp_kms import FakeKms, State
from fake_gcp_kms import serve as serve_gcp
from fake_vault import FakeVault
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.kms.models import KmsBackend

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import CannotOpen, KeyProvider, KeyUse, LocalKeyring, Place, Purpose, SealedField, Vault
from emoney.privacy.errors import KeyGone, KeyUnavailable, ProviderUnreachable
from emoney.privacy.keys.choosing import open_provider
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.aws_kms import AwsKms
from emoney.privacy.keys.providers.gcp_kms import GoogleKms
from emoney.privacy.keys.providers.pkcs11_token import Pkcs11Token
from emoney.privacy.keys.providers.protocol import Wrapped
from emoney.privacy.keys.providers.vault_transit import VaultTransit

KEY = bytes(range(32))
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
NAMES = ("local", "aws-kms", "gcp-kms", "vault", "pkcs11")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the services' own libraries


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> KeyProvider:
    made: KeyProvider = request.getfixturevalue(request.param.replace("-", "_"))
    return made


@pytest.fixture
def local(home: Path) -> LocalKeyring:
    return LocalKeyring.create_at(home)


@pytest.fixture
def aws_kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKms]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for operation in ("encrypt", "decrypt", "schedule_key_deletion"):
        monkeypatch.setattr(KmsBackend, operation, _by_state(getattr(KmsBackend, operation)))
    with mock_aws():
        yield AwsKms.connect(KeyOptions())


def _by_state(work: Callable[..., Any]) -> Callable[..., Any]:
    """Moto's operation as the service has it: by the key's state, and deletion by its ARN too."""

    def done(backend: KmsBackend, *positional: Any, **named: Any) -> Any:
        if positional:
            positional = (backend.get_key_id(positional[0]), *positional[1:])
        key = positional[0] if positional else backend.get_key_id(named["key_id"])
        state = backend.keys[key].key_state
        if state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{backend.keys[key].arn} is pending deletion.")
        if state == "Disabled" and not positional:
            raise JsonRESTError("DisabledException", f"{backend.keys[key].arn} is disabled.")
        return work(backend, *positional, **named)

    return done


@pytest.fixture
def fake_gcp() -> FakeKms:
    return FakeKms()


@pytest.fixture
def gcp_kms(fake_gcp: FakeKms) -> Iterator[GoogleKms]:
    from google.cloud.kms_v1 import KeyManagementServiceClient
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcTransport,
    )

    with serve_gcp(fake_gcp) as address:
        channel = grpc.insecure_channel(address)
        transport = KeyManagementServiceGrpcTransport(channel=channel)
        yield GoogleKms(
            KeyManagementServiceClient(transport=transport), "projects/p/locations/global/keyRings/r"
        )
        channel.close()


@pytest.fixture
def fake_vault() -> Iterator[FakeVault]:
    with FakeVault() as server:
        yield server


@pytest.fixture
def vault(fake_vault: FakeVault) -> VaultTransit:
    return VaultTransit.connect(KeyOptions(vault_address=fake_vault.address, vault_token="root"))


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not SOFTHSM.exists():
        pytest.skip("SoftHSM is not here: apt-get install softhsm2")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    token = ["--init-token", "--free", "--label", "emoney", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(["softhsm2-util", *token], check=True, capture_output=True)
    import pkcs11

    pkcs11.lib(str(SOFTHSM)).reinitialize()  # a process loads a module once, and each test has its own token


@pytest.fixture
def pkcs11(softhsm: None) -> Pkcs11Token:
    options = KeyOptions(pkcs11_module=str(SOFTHSM), pkcs11_token="emoney", pkcs11_pin="1234")
    return Pkcs11Token.connect(options)


def test_a_key_comes_back_and_only_from_its_context_and_kek(provider: KeyProvider) -> None:
    one, two = provider.create(KeyUse.SUBJECT_KEYS), provider.create(KeyUse.INDEX_KEYS)
    assert one != two
    assert len(one) <= 200
    wrapped = provider.wrap(KEY, kek=one, context=b"subject a")
    again = provider.wrap(KEY, kek=one, context=b"subject a")
    assert KEY not in wrapped
    assert wrapped != again
    assert 48 <= len(wrapped) <= 4096
    assert provider.unwrap(wrapped, kek=one, context=b"subject a") == KEY
    texts = set()
    damaged = bytes([*wrapped[:-3], wrapped[-3] ^ 1, *wrapped[-2:]])
    for raw, kek, context in (
        (wrapped, one, b"subject b"),
        (damaged, one, b"subject a"),
        (wrapped[:-5], one, b"subject a"),
        (b"", one, b"subject a"),
    ):
        with pytest.raises(CannotOpen) as refused:
            provider.unwrap(raw, kek=kek, context=context)
        texts.add(str(refused.value))
    assert texts == {str(CannotOpen())}
    # moto denies access where the service says IncorrectKeyException
    with pytest.raises((CannotOpen, KeyUnavailable) if provider.name == "aws-kms" else CannotOpen):
        provider.unwrap(wrapped, kek=two, context=b"subject a")


def test_many_keys_come_back_in_their_order(provider: KeyProvider) -> None:
    kek = provider.create(KeyUse.SUBJECT_KEYS)
    keys = [Wrapped(bytes([number]) * 32, b"c%d" % number) for number in range(40)]
    wrapped = provider.wrap_many(keys, kek=kek)
    back = provider.unwrap_many(
        [Wrapped(raw, key.context) for raw, key in zip(wrapped, keys, strict=True)], kek=kek
    )
    assert back == [key.key for key in keys]
    with pytest.raises(CannotOpen):
        provider.unwrap_many([Wrapped(raw, b"c0") for raw in wrapped], kek=kek)


def test_a_destroyed_or_unknown_kek_is_gone(provider: KeyProvider) -> None:
    kek = provider.create(KeyUse.SUBJECT_KEYS)
    wrapped = provider.wrap(KEY, kek=kek, context=b"a")
    provider.destroy(kek)
    _demand_gone(provider, kek, wrapped)
    with pytest.raises(KeyUnavailable if provider.name == "local" else KeyGone):  # a keyring can be lost
        provider.wrap(KEY, kek=kek[:-4] + "0000", context=b"a")


def _demand_gone(provider: KeyProvider, kek: str, wrapped: bytes) -> None:
    acts: tuple[Callable[[], object], ...] = (
        lambda: provider.wrap(KEY, kek=kek, context=b"a"),
        lambda: provider.unwrap(wrapped, kek=kek, context=b"a"),
        lambda: provider.wrap_many([Wrapped(KEY, b"a")] * 3, kek=kek),
        lambda: provider.unwrap_many([Wrapped(wrapped, b"a")] * 3, kek=kek),
        lambda: provider.destroy(kek),
    )
    for act in acts:
        with pytest.raises(KeyGone, match=kek.split("/")[-1]):
            act()


def test_a_key_that_aws_has_deleted_is_gone_and_one_elsewhere_or_disabled_is_not(aws_kms: AwsKms) -> None:
    kek = aws_kms.create(KeyUse.SUBJECT_KEYS)
    wrapped = aws_kms.wrap(KEY, kek=kek, context=b"a")
    client, bare = aws_kms._client, kek.rsplit("/", 1)[-1]
    client.create_alias(AliasName="alias/prepared", TargetKeyId=kek)
    with pytest.raises(KeyUnavailable, match="an alias") as refused:
        aws_kms.destroy("alias/prepared")
    assert not isinstance(refused.value, KeyGone)
    abroad = AwsKms(boto3.client("kms", region_name="us-east-1"))
    client.disable_key(KeyId=bare)
    for provider in (aws_kms, abroad):
        with pytest.raises(KeyUnavailable) as refused:
            provider.unwrap(wrapped, kek=kek, context=b"a")
        assert not isinstance(refused.value, KeyGone)
    client.enable_key(KeyId=bare)
    [backend] = [each for each in _aws_backends() if bare in each.keys]
    del backend.keys[bare]
    _demand_gone(aws_kms, kek, wrapped)


def _aws_backends() -> list[KmsBackend]:
    from moto.kms.models import kms_backends

    return [backend for account in kms_backends.values() for backend in account.values()]


@pytest.mark.parametrize("state", [State.DESTROYED, State.DESTROY_SCHEDULED])
def test_a_key_whose_version_google_destroyed_is_gone(
    gcp_kms: GoogleKms, fake_gcp: FakeKms, state: State
) -> None:
    kek = gcp_kms.create(KeyUse.SUBJECT_KEYS)
    wrapped = gcp_kms.wrap(KEY, kek=kek, context=b"a")
    fake_gcp.states[kek] = State.DISABLED
    with pytest.raises(KeyUnavailable, match="FailedPrecondition") as refused:
        gcp_kms.unwrap(wrapped, kek=kek, context=b"a")
    assert not isinstance(refused.value, KeyGone)
    fake_gcp.states[kek] = state
    _demand_gone(gcp_kms, kek, wrapped)


def test_a_key_ring_that_is_missing_is_no_key_that_is_gone(gcp_kms: GoogleKms) -> None:
    elsewhere = GoogleKms(gcp_kms._client, "projects/p/locations/global/keyRings/missing")
    with pytest.raises(KeyUnavailable, match="no key ring") as refused:
        elsewhere.create(KeyUse.SUBJECT_KEYS)
    assert not isinstance(refused.value, KeyGone)


@pytest.mark.parametrize("may_create", [False, True])
def test_a_key_deleted_in_vault_is_gone_and_does_not_come_back(
    fake_vault: FakeVault, vault: VaultTransit, may_create: bool
) -> None:
    kek = vault.create(KeyUse.SUBJECT_KEYS)
    wrapped = vault.wrap(KEY, kek=kek, context=b"a")
    fake_vault.may_create = may_create
    fake_vault.keys.clear()
    _demand_gone(vault, kek, wrapped)
    assert not fake_vault.keys
    fake_vault.may_read = False
    expected = KeyGone if may_create else KeyUnavailable  # what may not be seen is not said to be gone
    with pytest.raises(KeyUnavailable) as refused:
        vault.wrap(KEY, kek=kek, context=b"a")
    assert type(refused.value) is expected
    with pytest.raises(KeyUnavailable, match="not in Vault's engine") as refused:
        vault.wrap(KEY, kek="vault:elsewhere/key", context=b"a")
    assert type(refused.value) is KeyUnavailable


def test_an_object_deleted_from_the_token_is_gone_and_one_of_another_token_is_not(
    pkcs11: Pkcs11Token,
) -> None:
    kek = pkcs11.create(KeyUse.SUBJECT_KEYS)
    wrapped = pkcs11.wrap(KEY, kek=kek, context=b"a")
    with pytest.raises(KeyUnavailable, match="not of the token") as refused:
        pkcs11.destroy(kek.replace("emoney/", "other/"))
    assert not isinstance(refused.value, KeyGone)
    label = kek.rsplit("/", 1)[-1]
    delete = (
        "import sys, pkcs11\n"
        "token = pkcs11.lib(sys.argv[1]).get_token(token_label='emoney')\n"
        "with token.open(user_pin='1234', rw=True) as session:\n"
        "    session.get_key(label=sys.argv[2]).destroy()\n"
    )
    subprocess.run([sys.executable, "-c", delete, str(SOFTHSM), label], check=True)  # by another process
    _demand_gone(pkcs11, kek, wrapped)


def test_an_object_that_goes_between_being_found_and_being_used_is_gone(
    pkcs11: Pkcs11Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    kek = pkcs11.create(KeyUse.SUBJECT_KEYS)
    found = pkcs11._find(kek)
    monkeypatch.setattr(pkcs11, "_find", lambda _: found)
    wrapped = pkcs11.wrap(KEY, kek=kek, context=b"a")
    found.destroy()
    _demand_gone(pkcs11, kek, wrapped)


def test_a_vault_works_with_any_provider(database: Database, provider: KeyProvider) -> None:
    vault = Vault(provider)
    subject, place = new_id(), Place("kyc.person", "name", new_id())
    with database.connection() as connection:
        sealed = vault.seal(connection, subject=subject, place=place, value="Abena")
    fresh = Vault(provider)
    with database.connection() as connection:
        items = [SealedField(subject, place, sealed)]
        assert fresh.open(connection, items, purpose=Purpose.SCREENING, actor="job") == ["Abena"]
        row = connection.execute("SELECT provider, state FROM privacy.kek").fetchall()
    assert row == [(provider.name, "active")]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _aws(port: int) -> KeyProvider:
    client = boto3.client(
        "kms",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
    )
    return AwsKms(client)


def _gcp(port: int) -> KeyProvider:
    from google.cloud.kms_v1 import KeyManagementServiceClient
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcTransport,
    )

    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    transport = KeyManagementServiceGrpcTransport(channel=channel)
    return GoogleKms(KeyManagementServiceClient(transport=transport), "projects/p/locations/l/keyRings/r")


def _vault(port: int) -> KeyProvider:
    return VaultTransit(hvac.Client(url=f"http://127.0.0.1:{port}", token="x", timeout=1))


@pytest.mark.parametrize("made", [_aws, _gcp, _vault])
@pytest.mark.parametrize("reachable", [True, False], ids=["silent", "nobody there"])
def test_an_unreachable_service_is_a_clear_error_after_a_bounded_wait(
    database: Database, silent: int, made: Callable[[int], KeyProvider], reachable: bool
) -> None:
    if not reachable:
        with socket.create_server(("127.0.0.1", 0)) as server:
            silent = server.getsockname()[1]
    vault = Vault(made(silent))
    began = time.monotonic()
    place = Place("kyc.person", "name", new_id())
    with pytest.raises(ProviderUnreachable, match="ry again"), database.connection() as connection:
        vault.seal(connection, subject=new_id(), place=place, value="Abena")
    assert time.monotonic() - began < 30
    with database.connection() as connection:  # nothing was written, in clear least of all
        for table in ("privacy.subject_key", "privacy.sealed_row", "privacy.kek"):
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_a_sealed_vault_and_a_wrong_token_are_told_apart(fake_vault: FakeVault, vault: VaultTransit) -> None:
    kek = vault.create(KeyUse.SUBJECT_KEYS)
    fake_vault.sealed = True
    with pytest.raises(ProviderUnreachable, match="sealed"):
        vault.wrap(KEY, kek=kek, context=b"a")
    fake_vault.sealed = False
    with pytest.raises(KeyUnavailable, match="Forbidden"):
        VaultTransit(hvac.Client(url=fake_vault.address, token="stranger")).wrap(KEY, kek=kek, context=b"a")


def test_a_thousand_keys_are_one_request_of_vault(fake_vault: FakeVault, vault: VaultTransit) -> None:
    kek = vault.create(KeyUse.SUBJECT_KEYS)
    before = fake_vault.requests
    vault.wrap_many([Wrapped(KEY, b"%d" % number) for number in range(1_000)], kek=kek)
    assert fake_vault.requests - before == 1


def test_keys_in_a_token_cannot_leave_it(pkcs11: Pkcs11Token) -> None:
    import pkcs11 as library

    kek = pkcs11.create(KeyUse.SUBJECT_KEYS)
    found = pkcs11._find(kek)
    assert found[library.Attribute.SENSITIVE] is True
    assert found[library.Attribute.EXTRACTABLE] is False
    with pytest.raises(library.exceptions.PKCS11Error):
        _ = found[library.Attribute.VALUE]


def test_a_wrong_pin_and_a_missing_token_are_named(softhsm: None) -> None:
    with pytest.raises(KeyUnavailable, match="PIN"):
        Pkcs11Token(str(SOFTHSM), "emoney", "9999")
    with pytest.raises(KeyUnavailable, match="no token"):
        Pkcs11Token(str(SOFTHSM), "other", "1234")
    with pytest.raises(ProviderUnreachable, match="cannot be used"):
        Pkcs11Token("/nowhere/module.so", "emoney", "1234")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hsm", "must be one of local, aws-kms"),
        ("gcp-kms", "EMONEY_GCP_KEY_RING"),
        ("vault", "VAULT_ADDR"),
        ("pkcs11", "EMONEY_PKCS11_MODULE"),
    ],
)
def test_a_provider_that_is_not_set_up_is_refused_and_no_other_taken(
    database: Database, home: Path, name: str, message: str
) -> None:
    with database.connection() as connection, pytest.raises(ConfigurationError, match=message):
        open_provider(home, connection, options=KeyOptions(provider=name))
    assert not (home / "keys").exists()


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with pytest.raises(ConfigurationError, match=r"emoney\[vault\]"):
        VaultTransit.connect(KeyOptions(vault_address="http://127.0.0.1:1", vault_token="x"))


def test_keys_of_a_provider_that_is_not_set_up_are_named(
    database: Database, home: Path, vault: VaultTransit, local: LocalKeyring
) -> None:
    subject, place = new_id(), Place("kyc.person", "name", new_id())
    with database.connection() as connection:
        sealed = Vault(vault).seal(connection, subject=subject, place=place, value="Abena")
    items: Any = [SealedField(subject, place, sealed)]
    with database.connection() as connection, pytest.raises(KeyUnavailable, match="EMONEY_FORMER"):
        Vault(local).open(connection, items, purpose=Purpose.SCREENING, actor="job")
    with database.connection() as connection:
        both = Vault(local, former=[vault])
        assert both.open(connection, items, purpose=Purpose.SCREENING, actor="job") == ["Abena"]
