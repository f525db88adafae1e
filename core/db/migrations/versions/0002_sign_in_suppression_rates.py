"""sign-in, suppression, rates"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import core.models.base
from core.db.audit_guard import guard_audit, unguard_audit

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The new columns of tables that hold rows come with a default, or those rows would refuse them.
    op.create_table(
        "suppression",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("last_text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("first_at", core.models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", core.models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("held_until", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("released_at", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("released_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("address", name=op.f("uq_suppression_address")),
    )
    op.create_table(
        "original_message",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("edited_at", core.models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("edited_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_original_message_message_id_message")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_original_message")),
    )
    op.create_table(
        "token",
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column(
            "owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("profile_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("key_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("refresh_expires_at", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("refused_token", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("signed_in_as", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("signed_in_at", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("needs_sign_in", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("retry_after", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("lease_owner", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("lease_until", core.models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner_id", name=op.f("pk_token")),
    )
    with op.batch_alter_table("account_status", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("certificate_expires", core.models.base.UtcDateTime(timezone=True), nullable=True)
        )

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("told_at", core.models.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("closing_told_at", core.models.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("command_due", core.models.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("command_tries", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("mailbox_status", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("certificate_expires", core.models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column(
                "server_max_size",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                server_default="0",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("server_max_recipients", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column("server_max_recipients_at", core.models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("rate_taken", sa.JSON(), server_default="[]", nullable=False))

    with op.batch_alter_table("outgoing_message", schema=None) as batch_op:
        for name in ("in_hand_from", "in_hand_to"):
            batch_op.add_column(sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("first_due_at", core.models.base.UtcDateTime(timezone=True), nullable=True))

    guard_audit(op.get_bind())
    waits = sa.text("is_bcc AND state = 'deferred' AND settled_at IS NULL")
    op.create_index("ix_recipient_bcc_waits", "recipient", ["outgoing_id"], sqlite_where=waits, postgresql_where=waits)


def downgrade() -> None:
    unguard_audit(op.get_bind())
    op.drop_index("ix_recipient_bcc_waits", table_name="recipient")
    with op.batch_alter_table("outgoing_message", schema=None) as batch_op:
        batch_op.drop_column("first_due_at")
        batch_op.drop_column("in_hand_to")
        batch_op.drop_column("in_hand_from")

    with op.batch_alter_table("mailbox_status", schema=None) as batch_op:
        batch_op.drop_column("rate_taken")
        batch_op.drop_column("server_max_recipients_at")
        batch_op.drop_column("server_max_recipients")
        batch_op.drop_column("server_max_size")
        batch_op.drop_column("certificate_expires")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_column("command_tries")
        batch_op.drop_column("command_due")
        batch_op.drop_column("closing_told_at")
        batch_op.drop_column("told_at")

    with op.batch_alter_table("account_status", schema=None) as batch_op:
        batch_op.drop_column("certificate_expires")

    op.drop_table("token")
    op.drop_table("original_message")
    op.drop_table("suppression")
