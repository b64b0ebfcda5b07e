"""OpenID Connect sign-in against a local provider that implements the real protocol."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask, jsonify, redirect, request
from joserfc import jwk, jwt

from kb_app import create_app
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.support import make_services, serving


@dataclass
class Provider:
    """Authorise the configured account, with PKCE and a signed ID token."""

    url: str = ""
    mail: str = "lead@example.com"
    verified: object = True
    subject: str = "1"
    audience: str = "kb"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: Any = field(
        default_factory=lambda: jwk.RSAKey.generate_key(
            2048, {"kid": "one", "alg": "RS256", "use": "sig"}
        )
    )

    def app(self) -> Flask:
        app = Flask(__name__)
        names = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
        }

        @app.get("/.well-known/openid-configuration")
        def configuration() -> Any:
            return jsonify(
                issuer=self.url,
                **{key: f"{self.url}/{name}" for key, name in names.items()},
                id_token_signing_alg_values_supported=["RS256"],
            )

        @app.get("/jwks")
        def jwks() -> Any:
            return jsonify(keys=[self.key.as_dict(private=False)])

        @app.get("/authorize")
        def authorize() -> Any:
            code = secrets.token_hex(8)
            self.codes[code] = dict(request.args)
            return redirect(
                f"{request.args['redirect_uri']}?"
                f"{urlencode({'code': code, 'state': request.args['state']})}"
            )

        @app.post("/token")
        def token() -> Any:
            asked = self.codes.pop(request.form["code"])
            proof = (
                base64.urlsafe_b64encode(
                    hashlib.sha256(request.form["code_verifier"].encode()).digest()
                )
                .rstrip(b"=")
                .decode()
            )
            assert proof == asked["code_challenge"]
            now = int(time.time())
            claims = {
                "iss": self.url,
                "aud": self.audience,
                "sub": self.subject,
                "iat": now,
                "exp": now + 300,
                "nonce": asked["nonce"],
            }
            claims |= {"email": self.mail, "email_verified": self.verified}
            return jsonify(
                access_token="x",
                token_type="Bearer",
                id_token=jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key),
            )

        return app


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    with serving(made.app()) as url:
        made.url = url
        yield made


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path, provider: Provider) -> Services:
    url = f"sqlite:///{tmp_path / 'o.sqlite'}"
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=url,
        oidc_issuer=provider.url,
        oidc_client_id="kb",
        oidc_client_secret="secret",
        base_url="http://localhost",
    )
    services.users.add("lead@example.com", "lead")
    return services


def come_back(own: Services) -> tuple[int, Any]:
    """Sign in through the provider; return the status and (client, response, query)."""
    import requests

    client = create_app(own).test_client()
    there = client.get("/account/oidc?next=/desk/gaps")
    assert there.status_code == 302 and "code_challenge_method=S256" in (there.location or "")
    back = requests.get(there.location or "", allow_redirects=False, timeout=10).headers["Location"]
    parts = urlsplit(back)
    answer = client.get(f"{parts.path}?{parts.query}")
    return answer.status_code, (client, answer, parse_qs(parts.query))


def test_a_user_with_an_account_is_signed_in_and_redirected(own: Services) -> None:
    status, (client, answer, _) = come_back(own)
    assert (
        status == 302
        and answer.location == "/desk/gaps"
        and client.get("/desk/").status_code == 200
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail", "stranger@example.com"),
        ("verified", False),
        ("verified", "false"),
        ("verified", "False"),
        ("verified", "0"),
        ("verified", 1),
        ("verified", None),
        ("audience", "another site"),
    ],
)
def test_unknown_users_unverified_addresses_and_foreign_tokens_are_refused(
    own: Services, provider: Provider, name: str, value: object
) -> None:
    setattr(provider, name, value)
    status, (client, _, _) = come_back(own)
    assert status == 401 and client.get("/desk/").status_code == 302


def test_a_forged_state_is_refused(own: Services) -> None:
    client = create_app(own).test_client()
    client.get("/account/oidc")
    assert client.get("/account/oidc/back?code=x&state=forged").status_code == 401


def test_a_code_is_used_once(own: Services) -> None:
    _, (client, _, query) = come_back(own)
    assert (
        client.get(
            f"/account/oidc/back?code={query['code'][0]}&state={query['state'][0]}"
        ).status_code
        == 401
    )


def test_without_a_provider_the_page_is_404(articles: Path, data: Path, tmp_path: Path) -> None:
    services = make_services(
        articles, data, DisabledEmbedder(), database_url=f"sqlite:///{tmp_path / 'n.sqlite'}"
    )
    assert create_app(services).test_client().get("/account/oidc").status_code == 404


def test_an_unavailable_provider_is_reported(articles: Path, data: Path, tmp_path: Path) -> None:
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{tmp_path / 'd.sqlite'}",
        oidc_issuer="http://127.0.0.1:1",
        base_url="http://localhost",
    )
    assert create_app(services).test_client().get("/account/oidc").status_code == 503


def test_a_provider_may_write_true_as_text(own: Services, provider: Provider) -> None:
    provider.verified = "true"
    assert come_back(own)[0] == 302


def test_an_account_is_bound_to_the_subject_of_its_first_sign_in(
    own: Services, provider: Provider
) -> None:
    assert come_back(own)[0] == 302
    provider.mail = "renamed@example.com"
    assert come_back(own)[0] == 302, "the subject is the same"
    provider.mail, provider.subject = "lead@example.com", "somebody else"
    assert come_back(own)[0] == 401
