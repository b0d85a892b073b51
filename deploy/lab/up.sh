#!/usr/bin/env bash
# From nothing to the first finding: a k3d cluster, Cilium with Hubble, Kyverno, the baseline, a scenario with one gap,
# and Segproof. Run again, it goes on where it stopped. `up.sh down` removes the cluster.
#
# Needs docker, k3d 5.6 or later, kubectl, helm and go. With SLACK_WEBHOOK_FILE=FILE, a file that holds the address of an
# incoming webhook, the finding also goes to Slack.
set -euo pipefail
cd "$(dirname "$0")"
readonly cilium=1.20.2 kyverno=3.9.1 crds=v0.92.0
readonly cluster=segproof context=k3d-segproof
k() { kubectl --context "$context" "$@"; }
h() { helm --kube-context "$context" "$@"; }
say() { printf '\n== %s\n' "$*"; }

for tool in docker k3d kubectl helm go; do
  command -v "$tool" >/dev/null || { echo "up.sh: $tool is missing" >&2; exit 2; }
done
if [ "${1:-}" = down ]; then exec k3d cluster delete "$cluster"; fi

say "cluster"
# Cilium mounts BPF and cgroup file systems, and shares them with its node.
export K3D_FIX_MOUNTS=1
k3d cluster list "$cluster" >/dev/null 2>&1 || k3d cluster create --config k3d.yaml

say "network: Cilium with Hubble Relay"
h upgrade --install cilium cilium --repo https://helm.cilium.io --version "$cilium" --namespace kube-system -f cilium-values.yaml --wait --timeout 10m
k wait nodes --all --for condition=Ready --timeout 5m

say "admission: Kyverno"
h upgrade --install kyverno kyverno --repo https://kyverno.github.io/kyverno --version "$kyverno" --namespace kyverno --create-namespace \
  -f kyverno-values.yaml --wait --timeout 10m
# For require-alert-team-label: alerts are objects of the Prometheus Operator, which isn't needed itself.
k apply --server-side -f "https://raw.githubusercontent.com/prometheus-operator/prometheus-operator/$crds/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"

say "baseline and scenario"
# Webhooks of a controller that has just started may refuse for a moment.
for _ in 1 2 3 4 5 6; do k apply -f policies/kyverno-rights.yaml -f policies/kyverno.yaml && break; sleep 5; done
k apply -f policies/namespaces.yaml
k apply -f policies/baseline.yaml -f policies/payments.yaml -f policies/l7.yaml -f workloads.yaml
for ns in payments identity infra monitoring segproof; do
  k -n "$ns" wait --for create networkpolicy/default-deny-all --timeout 2m
done
k wait deployment --all --all-namespaces --for condition=Available --timeout 10m

say "Segproof"
go -C ../../.ci/release run . -image-tar "$PWD/segproof-image.tar" -version lab
k3d image import segproof-image.tar --cluster "$cluster"
values=(-f segproof-values.yaml --set image.registry= --set image.tag=lab)
if [ -n "${SLACK_WEBHOOK_FILE:-}" ]; then
  k -n segproof create secret generic segproof-slack --from-file=webhook="$SLACK_WEBHOOK_FILE" --dry-run=client -o yaml | k apply -f -
  values+=(--set slack.existingSecret=segproof-slack --set slack.key=webhook)
fi
h upgrade --install segproof ../chart --namespace segproof "${values[@]}" --wait --timeout 5m

say "the first audit: two minutes, for one of them it listens"
# A gap is at least three connections over at least half a minute.
sleep 45
job=first-$(date +%s)
k -n segproof create job --from=cronjob/segproof "$job"
for _ in $(seq 60); do
  [ "$(k -n segproof get "job/$job" -o jsonpath='{.status.succeeded}{.status.failed}')" ] && break
  sleep 5
done
k -n segproof logs "job/$job"
echo
echo "A finding makes the Job fail, as in CI. The daemon's report:"
echo "  kubectl --context $context -n segproof port-forward service/segproof-watch 8080   # then http://localhost:8080/report.json"
