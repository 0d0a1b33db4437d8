// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/metrics.md` and the table of `docs/alarms.md`: what is measured, and what raises an alarm.

use crate::document;
use strongroom::admin::{STATES, SUMS};
use strongroom::policy::rules::{CONDITIONS, Takes};

#[test]
fn metrics() {
    let labels =
        |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let mut page = METRICS.to_string();
    let rows: Vec<_> = SUMS
        .iter()
        .map(|sum| {
            [
                format!("`{}_total`", sum.name),
                labels(sum.labels),
                labels(sum.folds),
                sum.help.to_string(),
            ]
        })
        .collect();
    page.push_str(&document::table(["metric", "labels", "fold", "what"], &rows));
    page.push_str(GAUGES);
    let rows: Vec<_> = STATES
        .iter()
        .map(|state| {
            let store = if state.store { "yes" } else { "" };
            [
                format!("`{}`", state.name),
                labels(state.labels),
                store.to_string(),
                state.help.to_string(),
            ]
        })
        .collect();
    page.push_str(&document::table(["metric", "labels", "opens the store", "what"], &rows));
    document::check("metrics.md", &page);
}

#[test]
fn alarms() {
    let takes = |takes: Takes, unit: &str| match takes {
        Takes::Nothing => "-".to_string(),
        Takes::Or(usual) => format!("{usual}{unit}"),
        Takes::Needed => "must be given".to_string(),
    };
    let rows: Vec<_> = CONDITIONS
        .iter()
        .map(|row| {
            [
                format!("`{}`", row.name),
                takes(row.window, " s"),
                takes(row.threshold, ""),
                row.what.to_string(),
            ]
        })
        .collect();
    let table = document::table(["`when`", "window", "threshold", "it is raised when"], &rows);
    document::check("alarms.md", &format!("{ALARMS}{table}{WATCH}"));
}

const METRICS: &str = "\
# Metrics

Made from the tables that the command measures by (`src/admin/metrics*.rs`); `UPDATE_DOCS=1 cargo test
--test documents` writes it.

```
strongroom metrics                                        # prints them
strongroom metrics --output /var/lib/node_exporter/strongroom.prom
strongroom metrics --listen 127.0.0.1:9847                # serves http://127.0.0.1:9847/metrics
strongroom metrics --log-only                             # of the audit log alone; opens no store
strongroom metrics --token web --user audrey --pin-file /etc/strongroom/audrey.pin
```

The text is OpenMetrics 1.0, of the types `counter` and `gauge` alone, so that what reads the older text
format of Prometheus (node_exporter's textfile collector) takes it too; such a reader shows counters as
untyped. `--output` writes the file whole, by renaming.

Without a PIN the public objects of each token are counted (`visible=\"public\"`); with one, all keys of
that token (`visible=\"all\"`): an auditor's is enough. A login with a PIN is recorded in the audit log as
any other; a server logs in once.

`--listen` takes addresses of this machine alone, answers `GET /metrics` and nothing else, to who names
this machine as the host; a request has 8192 bytes and five seconds, eight are answered at once. Every user of the machine can
ask it: labels of keys, names of users and of rules are in the answer. It looks
at keys once a minute and at everything else with each request.

## Sums of the audit log

All count from the beginning of the log. How far it was summed is kept in the file `watch/sums` of the
store; without it the log is summed anew, from the oldest segment that is there. Segments that are moved
away stay summed. Another log, or an older copy, is summed anew. The log is believed as it is: whether it
is authentic is asked of `strongroom audit verify`, whose answer is among the metrics below.

A metric has at most `metrics.most_series` series (2000). What comes later is added up in series whose
labels under *fold* are `other`; which come first does not change until the sums are made anew.

";

const GAUGES: &str = "
## What is

Ages are told as times: the age of the last checkpoint is `time() -
strongroom_checkpoint_timestamp_seconds`. Keys by age are cumulative: `days=\"90\"` counts all that are at least
90 days old.

";

const ALARMS: &str = "\
# Alarms

The table of conditions is made from the one that alarms are judged by (`src/policy/rules/alarm.rs`);
`UPDATE_DOCS=1 cargo test --test documents` writes it.

Alarms are part of a token's policy ([policy.md](policy.md)): the security officer sets them with it, and
nobody changes them unseen. `strongroom watch` follows the audit log and has them told.

```toml
[[alarm]]
name = \"guessing\"
when = \"failed-logins\"
threshold = 5
window = \"10m\"
notify = [\"pager\"]

[[alarm]]
name = \"backups at night\"
when = \"outside-hours\"
operations = [\"C_WrapKey*\"]
keys = [\"backup-*\"]
hours = { days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], from = \"08:00\", to = \"18:00\", zone = \"Europe/Berlin\" }
```

| key | content |
|---|---|
| `name` | 1 to 64 bytes; each alarm has its own |
| `when` | a condition of the table below |
| `operations` `outcomes` `keys` `users` `programs` | it is about these alone: names as the log has them, `*` for any text. An outcome is also `ok` or `failed`; a key goes by unique id or label; a user by name, role or `uid:` and a number |
| `window` | such as `90s`, `15m`, `1h`, `2d` |
| `threshold` | how many |
| `hours` | as in a rule |
| `notify` | deliveries of the configuration, by name. Without it the alarm is printed and recorded |

A token's alarms see the records of that token, and those of no token. A record of counts is as many uses
as it says. The time is that of the records.

";

const WATCH: &str = "
## Deliveries

They are in the configuration, because they are the machine's and not the token's:

```toml
[watch]
deliveries = [
    { name = \"pager\", command = [\"/usr/local/bin/page\", \"--urgent\"] },
    { name = \"log\", syslog = \"/dev/log\" },
    { name = \"hook\", webhook = \"http://127.0.0.1:9000/alarm\" },
]
attempts = 3
seconds = 10
```

A command takes the alarm as one line of JSON on its standard input, and of the environment `PATH`, `HOME`,
`LANG` and `TZ`; it has been told when it ends with 0. A syslog socket takes a message of RFC 5424, facility
*log audit*, severity *alert*. A webhook is on this machine, takes the JSON by POST and answers with a
status of 2xx. An attempt has `seconds`; between attempts is a second, then two, and so on. One that failed is
tried once for each further alarm until it works again, so that it does not hold up the others.

The JSON has `alarm`, `when`, `token` (serial number), `seq` and `time` (of the record that raised it), `what` (in
words) and `record` (the whole record; null where a verification or a gap raised it).

## The watch

```
strongroom watch                       # until SIGTERM or SIGINT
strongroom watch --once                # looks once: for a timer
strongroom watch --replay --from 7d    # what the alarms say of the past; nothing is told or recorded
strongroom watch --replay --policy new.toml --log /backup/audit
```

One watch looks at a store. The first begins with what comes; each later one goes on where the last ended
(the file `watch/seen`), over as many segments as there are. It reads the whole log when it starts: what
an alarm remembers is not kept in a file, and a past log says again what it said then.

Each alarm is told, then recorded (`watch.alarm`, the name in `rule`, the record's number in `subject`). **At
least once**: a watch that is killed between the two tells it again; it is never lost and is recorded once. A
delivery that was given up is recorded too (`watch.undelivered`), and not tried again for that alarm. Records
of the watch raise no alarm.

`log-failed` is raised besides by what no record says: a line that is none, numbers that are missing, and a
failed `strongroom audit verify` (the file `watch/verified`). The watch checks no codes itself.

A policy that is set while the watch runs is judged by the alarms it replaces. One that is set while
nothing watches is judged by its own: who may set the policy can so be silent about it, though not in the
log. Whoever may write the store's files can end the watch or take its files away; let something else look
whether it runs, and publish checkpoints.
";
