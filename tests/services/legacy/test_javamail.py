"""What an older gateway's settings come to here."""

from typing import Any

import pytest

from core.secret import Secret
from core.services.legacy.javamail import Understood, understood
from core.services.legacy.properties import read_properties

LEAST = "mail.smtp.host=smtp.example.org\n"


def read(text: str) -> Understood:
    return understood(read_properties(text, "f"), "f")


def notes(text: str) -> str:
    return "\n".join(map(str, read(text).notes))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {"smtp_port": 25, "smtp_security": "none", "smtp_auth": False, "fallback": False}),
        ("mail.smtp.port=587\nmail.smtp.starttls.enable=true", {"smtp_port": 587, "smtp_security": "starttls"}),
        ("mail.smtp.starttls.required=true", {"smtp_port": 25, "smtp_security": "starttls"}),
        ("mail.smtp.ssl.enable=true", {"smtp_port": 465, "smtp_security": "tls"}),
        ("mail.smtp.ssl.enable=true\nmail.smtp.starttls.enable=true", {"smtp_security": "tls"}),
        ("mail.transport.protocol=smtps", {"smtp_port": 465, "smtp_security": "tls"}),
        ("mail.transport.protocol.rfc822=smtps\nmail.smtps.port=4650", {"smtp_port": 4650, "smtp_security": "tls"}),
        ("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory", {"smtp_port": 465, "smtp_security": "tls"}),
        (
            "mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory\nmail.smtp.socketFactory.port=4465\n"
            "mail.smtp.port=25",
            {"smtp_port": 4465, "smtp_security": "tls", "fallback": False},
        ),
        ("mail.smtp.socketFactory.port=465", {"smtp_port": 465, "smtp_security": "tls"}),
        ("mail.smtp.socketFactory.class=\nmail.smtp.port=25", {"smtp_port": 25, "smtp_security": "none"}),
        ("mail.smtp.auth=true", {"smtp_auth": True}),
        ("mail.smtp.user=u\nmail.smtp.password=p", {"smtp_auth": True}),
        ("mail.smtp.user=u\nmail.smtp.password=p\nmail.smtp.auth=false", {"smtp_auth": False}),
        ("mail.smtp.localhost=client.example.org", {"ehlo_name": "client.example.org"}),
    ],
)
def test_the_server_is_what_the_old_program_connected_to(text: str, values: dict[str, Any]) -> None:
    found = read(LEAST + text)
    assert found.problems == ()
    assert {name: found.template[name] for name in values} == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "mail.smtp.socketFactory.port=465\nmail.smtp.port=25\nmail.smtp.socketFactory.fallback=true",
            {"fallback": True, "fallback_port": 25, "fallback_security": "starttls"},
        ),
        (
            "mail.smtp.socketFactory.port=465\nmail.smtp.socketFactory.fallback=true",
            {"fallback": True, "fallback_port": 587, "fallback_security": "starttls"},
        ),
        (
            "mail.smtp.port=587\nmail.smtp.starttls.enable=true\nmail.smtp.socketFactory.fallback=TRUE",
            {"fallback": True, "fallback_port": 465, "fallback_security": "tls"},
        ),
        ("mail.smtp.port=25\nmail.smtp.socketFactory.fallback=false", {"fallback": False}),
    ],
)
def test_the_fallback_never_drops_tls(text: str, values: dict[str, Any]) -> None:
    found = read(LEAST + text)
    assert {name: found.template[name] for name in values} == values
    assert ("without dropping TLS" in notes(LEAST + text)) is values["fallback"]


def test_the_login_and_the_sender_become_the_mailboxes() -> None:
    text = "mail.smtp.user=u@example.org\nmail.smtp.password=s\\u00e9cret \nmail.smtp.from=Post Office <po@example.org>"
    found = read(LEAST + text)
    assert found.mailbox == {
        "username": "u@example.org", "password": Secret("sécret "), "default_sender": "Post Office <po@example.org>",
    }  # fmt: skip


def test_plain_keys_mean_the_same() -> None:
    found = read("Server = smtp.example.org\nSMTP-Port: 587\nsecurity = STARTTLS\nusername = u\npassword = C:\\x\n")
    assert found.problems == ()
    assert (found.template["smtp_host"], found.template["smtp_port"]) == ("smtp.example.org", 587)
    assert found.template["smtp_security"] == "starttls"
    assert found.mailbox == {"username": "u", "password": Secret("C:\\x")}


def test_the_chosen_protocols_keys_outweigh_the_others() -> None:
    text = "mail.host=any\nmail.smtp.host=plain\nmail.smtps.host=secure\nmail.smtps.port=465\nmail.smtp.port=25\n"
    assert read(text).template["smtp_host"] == "plain"
    secure = text + "mail.transport.protocol=smtps\n"
    assert (read(secure).template["smtp_host"], read(secure).template["smtp_port"]) == ("secure", 465)
    assert "mail.smtp.host (line 2) was not taken over: mail.smtps.host says it already." in notes(secure)
    assert read("mail.host=any").template["smtp_host"] == "any"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mail.smtp.frobnicate=1", "mail.smtp.frobnicate (line 2) was not taken over: unknown."),
        ("mail.smtp.timeout=5000", "every step has a deadline"),
        ("mail.smtp.ssl.trust=*", "certificates are always verified"),
        ("mail.smtp.ssl.checkserveridentity=false", "certificates are always verified"),
        ("mail.smtp.auth.mechanisms=XOAUTH2", "sign-in profile"),
        ("mail.smtp.proxy.host=p", "proxies are not supported"),
        ("mail.smtp.starttls.enable=true", "is taken over as required"),
        ("mail.smtp.socketFactory.class=com.acme.TrustAll", "with the certificate verified"),
        ("mail.smtp.host=other", "mail.smtp.host (line 1) was not taken over: line 2 says it again."),
        ("mail.smtp.auth=true", "is not given, and the server asks for a login"),
        ("mail.debug=true", "nothing to set here"),
        ("mail.smtp.port=", "is a port from 1 to 65535"),
        ("mail.smtp.password=a\\nb", "holds a line break"),
        ("mail.smtp.user=a\\u0000b", "another control character"),
    ],
)
def test_what_is_unknown_or_means_something_else_is_said(line: str, said: str) -> None:
    found = read(LEAST + line)
    assert said in notes(LEAST + line) + "".join(map(str, found.problems))


def test_every_wrong_value_is_named_with_its_line() -> None:
    found = read(
        "mail.smtp.port=99999\nmail.smtp.auth=perhaps\nmail.smtp.ssl.enable=maybe\nmail.smtp.timeout=soon\n"
        "mail.transport.protocol=imap\nmail.smtp.from=nobody\nmail.smtp.socketFactory.port=x\n"
    )
    assert [str(one).partition(": ")[2].partition(": ")[0] for one in sorted(found.problems, key=str)] == [
        "host", "line 1", "line 2", "line 3", "line 4", "line 5", "line 6", "line 7",
    ]  # fmt: skip
