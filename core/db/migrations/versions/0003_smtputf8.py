"""which relays offer SMTPUTF8"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mailbox_status", schema=None) as batch_op:
        batch_op.add_column(sa.Column("server_takes_utf8", sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("mailbox_status", schema=None) as batch_op:
        batch_op.drop_column("server_takes_utf8")
