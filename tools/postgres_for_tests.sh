#!/usr/bin/env bash
# tools/postgres_for_tests.sh FOLDER [PORT]: makes a PostgreSQL cluster in FOLDER, an existing empty one, or takes the one that is
# there, and becomes its server: nothing else on the machine knows of it, and it ends with the process that started it. The
# folder holds its socket; with PORT it answers on 127.0.0.1 too. Superuser `slipway`, no password, durable as shipped.
set -euo pipefail
folder=$1 port=${2:-}

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
[ -x "$bin/postgres" ] || { echo "no PostgreSQL here: apt-get install postgresql" >&2; exit 1; }

# It refuses to run as root.
as=(setpriv --pdeathsig INT)
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(setpriv --reuid postgres --regid postgres --init-groups --pdeathsig INT)
fi
cd "$folder"
[ -f cluster/PG_VERSION ] ||
  "${as[@]}" "$bin/initdb" -D cluster -U slipway -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
listen=(-c listen_addresses=)
[ -z "$port" ] || listen=(-c listen_addresses=127.0.0.1 -p "$port")
exec "${as[@]}" "$bin/postgres" -D cluster -k "$folder" "${listen[@]}" -c logging_collector=off -c shared_buffers=32MB
