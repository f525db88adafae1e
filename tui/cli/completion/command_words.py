"""What may stand where on a command line: a text at rest, because asking the commands would mean importing them all.

Behind a command stand its operands and options, in turn: `account|mailbox` one of these words, `@queue` the name of a
queue, KIND a kind, EDITED one that is added and changed by hand, NAME the name of one of the kind that stands before,
FIELD its fields as `field=value`, FILE a file, `-` and other words what nobody can guess. `…`: any number of them.
`--queue=@queue` takes a value.
"""

COMMON = "--help --json --quiet --debug --home=FILE --database-url= --drop=FILE --key-file=FILE"
"""The options of every command."""

COMMANDS = {
    "": "--worker --only=fetch|send --once --read-only --screen=SCREEN --filter= --theme= --ascii --no-mouse --version",
    "add": "EDITED - FIELD… --password-stdin",
    "apply": "@account --yes",
    "completion": "bash|zsh|fish",
    "config diff": "FILE",
    "config export": "FILE",
    "config import": "FILE --dry-run --legacy --name=",
    "db backup": "FILE",
    "db copy": "-",
    "db restore": "FILE",
    "db roles": "--schema=",
    "db upgrade": "",
    "delete": "KIND NAME",
    "deliver": "",
    "delivery cancel": "-… --all",
    "delivery retry": "-… --all",
    "doctor": "--offline",
    "erase": "- --dry-run --text --yes",
    "explain": "FILE --account=@account",
    "fetch": "@account… --dry-run",
    "init": "",
    "intake": "FILE… --account=@account --dry-run",
    "key rotate": "--drop-old --lost",
    "list": "KIND -… --limit= --after= --oldest-first",
    "oauth login account": "@account --device --paste --port= --ascii",
    "oauth login mailbox": "@mailbox --device --paste --port= --ascii",
    "oauth status": "",
    "outbox cancel": "-… --all",
    "outbox hold": "-… --all",
    "outbox release": "-… --all",
    "outbox retry": "-… --all",
    "pause": "@account…",
    "quarantine delete": "-…",
    "quarantine edit": "- FILE",
    "quarantine export": "-… --to=FILE",
    "quarantine release": "-… --queue=@queue",
    "quarantine retry": "-… --all",
    "raw": "- --original --outbox",
    "record reply": "-",
    "record set": "- FIELD…",
    "resume": "@account…",
    "route": "@mailbox… --from= --to= --down=@mailbox",
    "send": "-… -t -i -f= -F= -N= --mailbox=@mailbox --lane=urgent|normal|bulk --expires= --at= --key=",
    "set": "EDITED NAME FIELD… --password-stdin",
    "set setting": "FIELD… --password-stdin",
    "show": "KIND NAME",
    "stop": "@account…",
    "test account": "@account FIELD… --password-stdin --within=",
    "test mailbox": "@mailbox FIELD… --password-stdin --within=",
    "test roundtrip": "@mailbox @account --password-stdin --within=",
    "try": "FILE --last= --all",
    "where": "-… --limit=",
}
"""Each command with its operands and options."""

PLURALS = {
    "account": "accounts",
    "address": "addresses",
    "alert": "alerts",
    "audit": "audit",
    "delivery": "deliveries",
    "event": "events",
    "filter": "filters",
    "handoff": "handoffs",
    "mailbox": "mailboxes",
    "message": "messages",
    "outbox": "outbox",
    "profile": "profiles",
    "quarantine": "quarantine",
    "queue": "queues",
    "record": "records",
    "run": "runs",
    "setting": "settings",
    "suppression": "suppressions",
    "template": "templates",
    "worker": "workers",
}
"""The kinds, with what else each is called."""

SCREENS = (
    "overview|live|accounts|runs|quarantine|mailboxes|templates|outbox|records|messages|queues|addresses|filters|"
    "handoffs|deliveries|profiles|suppressions|alerts|workers|audit|settings"
)
"""The console's screens."""

_YES_NO = "true|false"
_VALIDITY = "valid|invalid|invalid-temporarily"
_TYPES = "IMAP|IMAPS|IMAPTLS|POP3|POP3S|POP3TLS"
_SECURITY = "none|starttls|tls"

FIELDS = {
    "account": (
        f"name= validity={_VALIDITY} type={_TYPES} host= port= username= profile=@profile "
        f"address= dispatching=to|queue queue=@queue trusted={_YES_NO} record_type= folders= "
        f"after_fetch=keep|delete|move move_to= mark_seen={_YES_NO} start_from= interval= priority= "
        f"idle={_YES_NO} max_messages= max_size= tls_ca= tls_fingerprint= comment="
    ),
    "address": f"address= queue=@queue display_name= validity={_VALIDITY}",
    "filter": f"name= stop={_YES_NO} match= set=",
    "handoff": f"name= active={_YES_NO} command= url= queues= types=",
    "mailbox": (
        f"name= template=@template active={_YES_NO} username= profile=@profile "
        f"default_sender= force_from={_YES_NO} subject_prefix= bcc= return_path= mime_script= priority= "
        f"failover=@mailbox from_filter= rate_per_minute= max_size= read_inbox={_YES_NO} comment="
    ),
    "profile": (
        "name= provider=gmail|office365|custom "
        "method=client_secret|password|refresh_token|authorization_code|device_code client_id= tenant_id= "
        "secret_expires= auth_url= device_url= token_url= scopes="
    ),
    "queue": f"name= validity={_VALIDITY} closed=possible|reject|new address= comment=",
    "record": "title= owner= responsible= customer= queue=@queue state= priority= lock= type= pending_until=",
    "setting": (
        f"default_queue=@queue fetch_interval= plus_addressing={_YES_NO} use_x_envelope_to={_YES_NO} system_id= "
        f"followup_in_body={_YES_NO} followup_in_attachments={_YES_NO} states= priorities= types= services= "
        f"slas= owners= dynamic_fields= record_labels= staging_redirect= hold_all={_YES_NO} fetch_slots= "
        "slots_per_host= idle_max= min_free_disk= retry.first= retry.longest= retry.lifetime= "
        f"retry.uncertain=retry|hold retry.notify={_YES_NO} loop.records= loop.window= loop.allow= "
        f"listener.enabled={_YES_NO} listener.host= listener.port= listener.username= listener.max_size= "
        f"metrics.enabled={_YES_NO} metrics.host= metrics.port= alerts.to= alerts.mailbox=@mailbox alerts.command= "
        "alerts.fetch_silence= retention.raw= retention.records= retention.outbox= retention.quarantine= "
        "retention.runs= retention.audit= roles.admins= roles.operators= roles.viewers="
    ),
    "template": (
        f"name= comment= smtp_host= smtp_port= smtp_security={_SECURITY} smtp_auth={_YES_NO} "
        f"fallback={_YES_NO} fallback_port= fallback_security={_SECURITY} ehlo_name= incoming_type={_TYPES} "
        "incoming_host= incoming_port= inbox_folder= tls_ca= tls_fingerprint="
    ),
}
"""The fields of each kind that is changed by hand, and what each may be set to. Secrets are no arguments."""
