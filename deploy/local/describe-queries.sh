#!/usr/bin/env bash
# Writes crates/db/.sqlx: what PostgreSQL says about every query of the code, so that builds need no
# database. Called by `make generate` with an empty database in DATABASE_URL; does the work of
# `cargo sqlx prepare` without installing it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
committed=crates/db/.sqlx
fresh=.switchboard/queries

for migration in crates/db/migrations/*.sql; do
  psql "$DATABASE_URL" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --file "$migration"
done

rm -rf "$fresh"
mkdir -p "$fresh"
# The macros write while they are expanded, and they are expanded only when the crate is compiled.
touch crates/db/src/lib.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$root/$fresh" cargo check --workspace --lib --quiet
# The next build must not take over what was compiled against the database.
touch crates/db/src/lib.rs

if [ -z "$(ls -A "$fresh")" ]; then
  echo "no query was described; has sqlx changed how it writes them?" >&2
  exit 1
fi
rm -rf "$committed"
mv "$fresh" "$committed"
echo "$(find "$committed" -type f | wc -l) queries are described in $committed"
