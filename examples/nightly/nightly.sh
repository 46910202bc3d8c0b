#!/bin/sh
# Updates secrets/config.duckdb. For cron and systemd, which call it by its path.
#
# The sync's output goes into secrets/nightly.log. Only if the sync fails, it also goes to stderr, for cron to mail.
# Exit codes: those of destination/sync.py (0 everything was read, 1 something failed), or 75: the last sync is still
# running.
cd "$(dirname "$0")/../.." || exit
log=secrets/nightly.log
touch $log
before=$(wc -l < $log)
{
    date
    flock --nonblock --conflict-exit-code 75 secrets/nightly.lock \
        "${VENV:-.venv}/bin/python" destination/sync.py --config secrets/config.json "$@"
} >> $log 2>&1
code=$?
case $code in
    0) ;;
    75) echo "$0: the last sync is still running" ;;
    *) echo "$0: exit code $code; in $log:" && tail -n "+$((before + 1))" $log ;;
esac >&2
exit $code
