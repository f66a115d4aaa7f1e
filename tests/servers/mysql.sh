#!/usr/bin/env bash
# Runs a command beside a real MySQL: tests/servers/mysql.sh COMMAND...
#
# Debian's stable releases have MariaDB only. The server comes from the unstable suite, from the mirror that this machine
# uses already, into a folder of its own (.venv/mysql, or $MYSQL_FOLDER), which the next run finds again. It listens on a
# free port with an empty set of data, and ends with the command, which finds it at DATABASE_URL.
# Where it cannot be had the answer is 77, with a word why.
set -euo pipefail
folder=$(realpath -m "${MYSQL_FOLDER:-$(dirname "$0")/../../.venv/mysql}")

cannot() {
  echo "MySQL cannot be had here: $1" >&2
  exit 77
}

install_it() {
  local mirror
  command -v debootstrap >/dev/null || cannot "there is no debootstrap."
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
  [ -n "$mirror" ] || cannot "apt knows no mirror of Debian."
  rm -rf --one-file-system "$folder.new"
  mkdir -p "$(dirname "$folder")"
  debootstrap --variant=minbase --include=mysql-server-core unstable "$folder.new" "$mirror" >"$folder.log" 2>&1 ||
    cannot "debootstrap failed, see $folder.log"
  rm -rf "$folder.new/var/cache/apt" "$folder.new/var/lib/apt"
  mv "$folder.new" "$folder" # Whole, or not at all.
}

[ "$(id -u)" = 0 ] || cannot "only root may set it up."
[ -x "$folder/usr/sbin/mysqld" ] || install_it

data=$(mktemp -d "$folder/tmp/data.XXXXXX")
inside=${data#"$folder"}
server=
finish() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; } || true
  rm -rf "$data"
}
trap finish EXIT

# As nobody: it refuses to be root. Logged in the folder, so that what it says of a start that fails can be read.
mysqld() {
  exec chroot --userspec=nobody:nogroup "$folder" /usr/sbin/mysqld --no-defaults --datadir="$inside/data" \
    --pid-file="$inside/pid" --log-error="$inside/error.log" --secure-file-priv=NULL "$@"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
# The account is as MySQL makes them (caching_sha2_password), so that the driver has to speak it.
cat >"$data/accounts.sql" <<SQL
CREATE USER wxauth@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON *.* TO wxauth@'127.0.0.1';
SQL
chown -R nobody:nogroup "$data"

(mysqld --initialize-insecure --init-file="$inside/accounts.sql") || { cat "$data/error.log" >&2; exit 1; }
# Nobody wants these data back after a crash, and the tests open connections by the hundred.
(mysqld --bind-address=127.0.0.1 --port="$port" --socket="$inside/socket" --mysqlx=OFF --skip-name-resolve \
  --skip-log-bin --innodb-flush-log-at-trx-commit=0 --max-connections=400) &
server=$!
until (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; do
  kill -0 "$server" 2>/dev/null || { cat "$data/error.log" >&2; exit 1; }
  sleep 0.1
done
DATABASE_URL=mysql://wxauth:$password@127.0.0.1:$port/wxauth "$@"
