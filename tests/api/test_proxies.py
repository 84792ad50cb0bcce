"""Behind a proxy that ends TLS and puts the service under a path, with and without the path taken off."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.client.client import Client
from api.client.errors import ServiceError
from tests.api.conftest import Live, listening
from tests.api.requests import SEARCH
from tests.api.test_problems import is_problem
from tests.conftest import DEADLINE

TOKEN = "a secret of this test"  # noqa: S105
ROOT = "/tools/lossfit"
METHODS = ["GET", "POST", "DELETE"]
_OF_THE_CONNECTION = ("transfer-encoding", "content-length", "content-encoding")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files of a certificate of localhost and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(made - timedelta(hours=1))
        .not_valid_after(made + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return paths


@contextmanager
def proxied(behind: str, certificate: tuple[Path, Path], *, strips: bool) -> Iterator[str]:
    """A reverse proxy as its manual has it; gives the URL of what is behind it."""

    async def passed_on(request: Request) -> Response:
        path = request.url.path.removeprefix(ROOT) if strips else request.url.path
        headers = dict(request.headers) | {
            "x-forwarded-for": request.headers.get("x-test-client", "192.0.2.1"),
            "x-forwarded-proto": "https",
        }
        async with httpx.AsyncClient(timeout=DEADLINE) as client:
            answer = await client.request(
                request.method,
                f"{behind}{path}",
                params=request.query_params,
                headers=headers,
                content=await request.body(),
            )
        kept = {k: v for k, v in answer.headers.items() if k not in _OF_THE_CONNECTION}
        return Response(answer.content, answer.status_code, kept)

    app = Starlette(routes=[Route("/{path:path}", passed_on, methods=METHODS)])
    chain, key = certificate
    with listening(app, lifespan="off", ssl_certfile=chain, ssl_keyfile=key) as url:
        yield f"{url.replace('http://127.0.0.1', 'https://localhost')}{ROOT}"


@pytest.fixture(params=[True, False], ids=["strips", "passes"])
def public(
    request: pytest.FixtureRequest,
    serve: Callable[..., Live],
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """URL of a service with a token behind a proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    live = serve(token=TOKEN, root_path=ROOT, allowed_hosts=["localhost"])
    with proxied(str(live.http.base_url).rstrip("/"), certificate, strips=request.param) as url:
        yield url


def test_a_service_behind_a_proxy_is_as_it_is_without(
    public: str, certificate: tuple[Path, Path]
) -> None:
    with Client(public, TOKEN) as client:
        job = client.searches.submit(SEARCH)
        client.searches.cancel(job.id)
        assert [event.sequence for event in client.searches.events(job.id)] == [1, 2]
    with pytest.raises(ServiceError) as refused, Client(public) as stranger:
        list(stranger.searches.list())
    assert refused.value.status == 401
    trusting = ssl.create_default_context(cafile=certificate[0])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(verify=trusting, headers=headers, timeout=DEADLINE) as http:
        made = http.post(f"{public}/v1/searches", json=SEARCH)
        assert http.get(f"{public.removesuffix(ROOT)}{made.headers['location']}").is_success
        assert http.get(f"{public}/").text.startswith("<!doctype html>")
        assert http.get(f"{public}/docs/reference.js").is_success
        assert http.get(f"{public}/openapi.json").json()["servers"] == [{"url": ROOT}]
        own = {"Origin": public.removesuffix(ROOT)}
        assert http.post(f"{public}/v1/searches", json=SEARCH, headers=own).status_code == 201
        foreign = http.post(f"{public}/v1/searches", json=SEARCH, headers={"Origin": "https://x"})
        is_problem(foreign, 403)


def test_wrong_tokens_are_counted_for_the_address_that_the_proxy_names(
    public: str, certificate: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    headers = {"Authorization": "Bearer wrong"}
    with httpx.Client(verify=trusting, headers=headers, timeout=DEADLINE) as http:
        path = f"{public}/v1/searches"
        statuses = [
            http.get(path, headers={"X-Test-Client": "192.0.2.7"}).status_code for _ in range(11)
        ]
        assert statuses == [401] * 10 + [429]
        assert http.get(path, headers={"X-Test-Client": "192.0.2.8"}).status_code == 401


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/"])
def test_the_bare_path_leads_to_the_page(serve: Callable[..., Live], path: str) -> None:
    http = serve(root_path=ROOT).http
    answer = http.get(path, follow_redirects=True)
    assert answer.url.path == f"{ROOT}/"
    assert answer.text.startswith("<!doctype html>")
