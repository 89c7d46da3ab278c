#!/bin/sh
# Copies the workspace without its code: manifests, and an empty source file per target. Compiling the
# copy compiles all dependencies and nothing else, so the image layer that holds them is rebuilt only
# when a manifest changes.
#
#   skeleton.sh <workspace> <destination>
set -eu

cd "$1"
destination=$2

find . -name target -prune -o -name .switchboard -prune -o \
  \( -name Cargo.toml -o -name Cargo.lock -o -name rust-toolchain.toml \) -print |
  while IFS= read -r file; do
    mkdir -p "$destination/$(dirname "$file")"
    cp "$file" "$destination/$file"
  done

for manifest in crates/*/Cargo.toml services/*/Cargo.toml tests/Cargo.toml; do
  package=$(dirname "$manifest")
  mkdir -p "$destination/$package/src"
  if [ -e "$package/src/lib.rs" ]; then : >"$destination/$package/src/lib.rs"; fi
  if [ -e "$package/src/main.rs" ]; then echo 'fn main() {}' >"$destination/$package/src/main.rs"; fi
  # Cargo refuses a manifest that names a file which is not there.
  sed -nE 's/^path *= *"([^"]+\.rs)".*/\1/p' "$manifest" | while IFS= read -r target; do
    mkdir -p "$destination/$package/$(dirname "$target")"
    echo 'fn main() {}' >"$destination/$package/$target"
  done
  # Build scripts bring dependencies of their own.
  if [ -e "$package/build.rs" ]; then echo 'fn main() {}' >"$destination/$package/build.rs"; fi
done
