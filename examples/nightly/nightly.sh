#!/bin/sh
# Brings secrets/config.duckdb up to date: for cron and systemd, which call it by its path.
#
# What the sync says goes into secrets/nightly.log. Only if it fails, it is said on stderr too, for cron to mail.
# Exit codes: those of destination/sync.py (0 all is there, 1 something failed), 75 if the last sync still runs.
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
    75) echo "$0: the last sync still runs" ;;
    *) echo "$0: exit code $code; in $log:" && tail -n "+$((before + 1))" $log ;;
esac >&2
exit $code
