"""Server settings that mailboxes share."""

from __future__ import annotations

from sqlmodel import Field

from core.models.base import Resource, unique_while_alive


class Template(Resource, table=True):
    """Settings of one provider's servers; a mailbox sends by one."""

    __tablename__ = "template"
    __table_args__ = (unique_while_alive("template", "name"),)

    name: str
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_auth: bool = True
    smtp_security: str = "starttls"
    fallback: bool = False
    fallback_port: int = 465
    fallback_security: str = "tls"
    ehlo_name: str = ""
    tls_ca: str = ""
    tls_fingerprint: str = ""
    incoming_type: str = "IMAPS"
    incoming_host: str = ""
    incoming_port: int | None = Field(default=None)
    inbox_folder: str = "INBOX"
    comment: str = ""
