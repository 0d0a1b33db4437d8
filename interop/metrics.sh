#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# What `strongroom metrics` prints is read by the reference reader of OpenMetrics and by that of Prometheus'
# older text format (both of the Python client), and both see the same values.

. "$(dirname "$0")/lib.sh"

main() {
    build
    need python3 python3-venv
    workplace
    python3 -m venv "$WORK/venv"
    quietly "$WORK/venv/bin/pip" install prometheus_client || die "pip install prometheus_client"
    quietly "$COMMAND" init --label interop --so-pin-file "$WORK/so-pin" --pin-file "$WORK/pin" ||
        die "strongroom init"
    quietly "$COMMAND" key generate --type ec:p256 --label 'a "b" \' --id 01 --pin-file "$WORK/pin" ||
        die "strongroom key generate"
    "$COMMAND" metrics --pin-file "$WORK/pin" >"$WORK/metrics" || die "strongroom metrics"
    "$WORK/venv/bin/python" - "$WORK/metrics" <<'EOF' || die "the metrics are not read alike"
import sys
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as strict

text = open(sys.argv[1], encoding="utf-8").read()
new = {(s.name, tuple(sorted(s.labels.items()))): float(s.value)
       for f in strict.text_string_to_metric_families(text) for s in f.samples}
old = {(s.name, tuple(sorted(s.labels.items()))): float(s.value)
       for f in parser.text_string_to_metric_families(text) for s in f.samples}
assert new and new == old, "they differ"
assert any(name == "strongroom_operations_total" for name, _ in new), "no operations"
EOF
    ok "metrics are read by both readers alike"
}

main "$@"
