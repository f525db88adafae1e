"""What `postroom --help` says: a text at rest, because building it would mean importing every command."""

USAGE = """\
Usage: postroom [COMMAND] [OPTIONS]

The room where your systems' mail goes out and comes in.
Without a command: opens the console (--read-only, --screen NAME, --filter TEXT, --theme NAME, --ascii, --no-mouse).

Working
  fetch [NAME…] [--dry-run]      fetch all valid accounts, or those named, now
  deliver                        send what is due now
  --worker [--only fetch|send] [--once]
                                 fetch and send without a terminal, until SIGTERM
  intake [FILE…|-] --account NAME
                                 take in .eml, mbox or stdin by an account's rules
  pause | resume | stop ACCOUNT… hold an account back, let it go on, end its run after the batch in hand
  apply ACCOUNT [--yes]          what its rule "after fetching" would do to what is stored already; with --yes do it
  test account|mailbox NAME      try a connection, step by step
  test roundtrip MAILBOX ACCOUNT send a probe through the one and see it arrive in the other

Sending
  send [-t] [-i] [-f SENDER] [RCPT…]
                                 take a message on stdin; knows sendmail's flags
  route --from ADDR --to ADDR    which mailbox would send it now
  outbox retry|cancel|hold|release ID…|--all

Looking
  list KIND [FILTER]             template mailbox account profile queue address filter handoff delivery record message
                                 outbox quarantine suppression run event alert audit worker setting
  show KIND NAME|ID              one of them, whole
  raw ID                         a stored message's exact bytes
  where TEXT                     everything known of a message, coming in and going out
  explain FILE|- [--account NAME]
                                 what would happen to this message, and why; changes nothing
  try FILTERS.toml [--last N] [--all]
                                 what changed filters would do to stored messages; changes nothing

Changing
  add | set KIND NAME [field=value…]
  delete KIND NAME
  record set NUMBER field=value…
  quarantine retry|release|edit|export|delete ID…
  delivery retry|cancel ID…|--all
  config import FILE | export [FILE] | diff FILE

Signing in
  oauth login account|mailbox NAME [--device|--paste]
                                 sign in with OAuth2, from a terminal
  oauth status                   how the sign-ins stand, and when they end

Keeping
  init                           data folder, key, database; happens by itself at first use
  doctor [--offline]             is everything as it should be?
  db upgrade | backup FILE | restore FILE | copy URL | roles
  key rotate [--drop-old|--lost] a new key for all secrets
  erase ADDRESS [--text] [--dry-run|--yes]
                                 remove what is kept of one person
  completion bash|zsh|fish       a script for the shell, which then completes commands, kinds and names

Every command takes --help, --json, --quiet, --debug. `postroom --version` says which version this is.
The data is in POSTROOM_HOME; see also POSTROOM_DATABASE_URL, POSTROOM_DROP, POSTROOM_KEY_FILE,
POSTROOM_SCRIPTS, POSTROOM_CONFIG.
"""
