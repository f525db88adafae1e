-- Made by `postroom db roles`. Run it as the owner of the tables; again after each `postroom db upgrade`.
BEGIN;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postroom_viewer') THEN CREATE ROLE postroom_viewer NOLOGIN; END IF; END $$;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postroom_operator') THEN CREATE ROLE postroom_operator NOLOGIN; END IF; END $$;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postroom_admin') THEN CREATE ROLE postroom_admin NOLOGIN; END IF; END $$;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postroom_worker') THEN CREATE ROLE postroom_worker NOLOGIN; END IF; END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, postroom_viewer, postroom_operator, postroom_admin, postroom_worker;
-- Who makes a function or table there could have another's session take it for ours.
REVOKE CREATE ON SCHEMA public FROM PUBLIC, postroom_viewer, postroom_operator, postroom_admin, postroom_worker;
GRANT USAGE ON SCHEMA public TO postroom_viewer, postroom_operator, postroom_admin, postroom_worker;

-- Looking: all but secrets and templates.
GRANT SELECT ON "account", "account_status", "address", "alert", "attempt", "audit", "changed", "counter", "delivery", "filter", "folder_mark", "handoff", "handoff_status", "leftover", "mailbox", "mailbox_status", "message", "original_message", "outgoing_message", "outgoing_raw", "profile", "quarantine", "queue", "raw_message", "recipient", "record", "request_event", "run", "run_event", "setting", "suppression", "suspect", "worker", "alembic_version" TO postroom_viewer, postroom_operator, postroom_admin, postroom_worker;
GRANT SELECT ("kind", "owner_id", "field", "key_id") ON "secret" TO postroom_viewer, postroom_operator;
GRANT SELECT ("kind", "owner_id", "profile_id", "key_id", "expires_at", "refresh_expires_at", "signed_in_as", "signed_in_at", "needs_sign_in", "retry_after", "last_error", "lease_owner", "lease_until", "fence") ON "token" TO postroom_viewer, postroom_operator;
GRANT SELECT ("id", "name", "smtp_host", "version", "deleted_at") ON "template" TO postroom_viewer, postroom_operator;
GRANT SELECT ("id", "kind", "subject", "arguments", "asked_by", "asked_at", "wanted_home", "state", "claimed_by", "lease_until", "fence", "last_seq", "ended_at", "run_id") ON "request" TO postroom_viewer, postroom_operator;
ALTER TABLE "setting" ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS looking ON "setting";
CREATE POLICY looking ON "setting" FOR SELECT TO postroom_viewer USING (name NOT IN ('system.return_token'));
DROP POLICY IF EXISTS working ON "setting";
CREATE POLICY working ON "setting" TO postroom_operator, postroom_admin, postroom_worker USING (true) WITH CHECK (true);
ALTER TABLE "audit" ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS looking ON "audit";
CREATE POLICY looking ON "audit" FOR SELECT TO postroom_viewer, postroom_operator USING (kind NOT IN ('template'));
DROP POLICY IF EXISTS adding ON "audit";
CREATE POLICY adding ON "audit" FOR INSERT TO postroom_operator WITH CHECK (true);
DROP POLICY IF EXISTS working ON "audit";
CREATE POLICY working ON "audit" TO postroom_admin, postroom_worker USING (true) WITH CHECK (true);

-- An operator's work.
GRANT INSERT, UPDATE, DELETE ON "account_status", "attempt", "changed", "counter", "delivery", "folder_mark", "handoff_status", "leftover", "message", "original_message", "outgoing_message", "outgoing_raw", "quarantine", "raw_message", "recipient", "record", "request", "request_event", "run", "run_event", "suppression", "suspect" TO postroom_operator;
GRANT INSERT ("at", "actor", "verb", "kind", "name", "before", "after") ON "audit" TO postroom_operator;
ALTER TABLE "request" ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS looking ON "request";
CREATE POLICY looking ON "request" FOR SELECT TO postroom_viewer USING (true);
DROP POLICY IF EXISTS operating ON "request";
CREATE POLICY operating ON "request" TO postroom_operator USING (true) WITH CHECK (kind IN ('deliver', 'fetch', 'rehearse', 'test') AND sealed_values IS NULL);
DROP POLICY IF EXISTS working ON "request";
CREATE POLICY working ON "request" TO postroom_admin, postroom_worker USING (true) WITH CHECK (true);
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO postroom_operator, postroom_admin, postroom_worker;

-- Everything, but the audit log is only added to.
GRANT SELECT, INSERT, UPDATE, DELETE ON "account", "account_status", "address", "alert", "attempt", "changed", "counter", "delivery", "filter", "folder_mark", "handoff", "handoff_status", "leftover", "mailbox", "mailbox_status", "message", "original_message", "outgoing_message", "outgoing_raw", "profile", "quarantine", "queue", "raw_message", "recipient", "record", "request", "request_event", "run", "run_event", "secret", "setting", "suppression", "suspect", "template", "token", "worker" TO postroom_admin, postroom_worker;
GRANT INSERT ("at", "actor", "verb", "kind", "name", "before", "after") ON "audit" TO postroom_admin, postroom_worker;
-- What retention removes; the table itself refuses what is younger.
GRANT DELETE ON "audit" TO postroom_worker;
COMMIT;
