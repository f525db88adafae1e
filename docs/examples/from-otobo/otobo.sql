-- What otobo_to_toml.py reads, for MariaDB, MySQL and PostgreSQL. Nothing is changed, and no password is read.
SELECT 'dynamic_fields', name FROM dynamic_field WHERE object_type IN ('Ticket', 'Article') AND valid_id = 1 ORDER BY name;
SELECT 'types', name FROM ticket_type WHERE valid_id = 1 ORDER BY id;
SELECT 'services', name FROM service WHERE valid_id = 1 ORDER BY name;
SELECT 'slas', name FROM sla WHERE valid_id = 1 ORDER BY name;
SELECT 'priorities', name FROM ticket_priority WHERE valid_id = 1 ORDER BY id;
SELECT 'states', name FROM ticket_state WHERE valid_id = 1 ORDER BY id;
SELECT 'owners', login FROM users WHERE valid_id = 1 ORDER BY id;
SELECT 'queue', q.name, q.valid_id, q.follow_up_id, a.value0 FROM queue q JOIN system_address a ON a.id = q.system_address_id ORDER BY q.id;
SELECT 'address', a.value0, q.name, a.value1, a.valid_id FROM system_address a JOIN queue q ON q.id = a.queue_id ORDER BY a.id;
SELECT 'account', m.login, m.host, m.account_type, COALESCE(m.imap_folder, ''), m.trusted, COALESCE(q.name, '') FROM mail_account m LEFT JOIN queue q ON q.id = m.queue_id ORDER BY m.id;
SELECT 'filter', f_name, COALESCE(f_stop, 0), f_type, f_key, f_value, COALESCE(f_not, 0) FROM postmaster_filter ORDER BY f_name, f_type, f_key, f_value;
