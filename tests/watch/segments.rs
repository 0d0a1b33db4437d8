// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom watch` over a log that goes on in other segments and under another chain: it misses nothing
//! and takes neither for a fault.

use crate::desk::Desk;
use crate::watching::{once, recorded, watched};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};
use strongroom::audit::{Auditor, Durability, Entry, Log, Place};
use strongroom::config;
use strongroom::files::Access;
use strongroom::mechanism::kem;

const WRONG: Entry<'_> = Entry {
    who: strongroom::audit::Who { role: "", user: "" },
    token: "",
    session: 0,
    op: "C_Login",
    key: None,
    mechanism: "",
    outcome: "CKR_PIN_INCORRECT",
    details: &[],
};

/// The log of a desk's store, whose segments end as soon as they can.
fn log(desk: &Desk) -> Log {
    let (file, store) = (desk.path("strongroom.toml"), desk.store());
    let config = strongroom::admin::configuration(Some(&file), Some(&store)).unwrap();
    let vault = strongroom::session::open_store(&config, None).unwrap().unwrap().vault;
    let access = Access::for_group("").unwrap();
    let place = Place { directory: store.join("audit"), access, store: *vault.id() };
    let settings = config::Audit { segment_mib: 1, ..config::Audit::default() };
    Log::open(place, &vault.audit().unwrap().unwrap().key, settings).unwrap()
}

fn segments(desk: &Desk) -> usize {
    let entries = fs::read_dir(desk.store().join("audit")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".jsonl")).count()
}

/// Writes uses until there are more segments.
fn fill(desk: &Desk, log: &Log) {
    let (before, begun) = (segments(desk), Instant::now());
    let entry = Entry { op: "C_Sign", outcome: "CKR_OK", ..WRONG };
    while segments(desk) == before {
        for _ in 0..100 {
            log.append(&entry, Durability::Later).unwrap();
        }
        assert!(begun.elapsed() < LONG, "there is one segment");
    }
}

fn renew(log: &Log) {
    let auditor = Auditor { name: "otto".to_string(), public: kem::generate().unwrap().0 };
    log.renew(&[auditor]).unwrap();
}

/// The alarms that were raised by these records' numbers.
fn alarms(desk: &Desk) -> Vec<(String, u64)> {
    let all = recorded(desk, "watch.alarm");
    let of = |record: &serde_json::Value| {
        let (rule, seq) = (&record["details"]["rule"], &record["details"]["subject"]);
        (rule.as_str().unwrap().to_string(), seq.as_str().unwrap().parse().unwrap())
    };
    all.iter().map(of).collect()
}

#[test]
fn one_look_after_the_other() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/true\"] }");
    let serial = desk.run(&["--json", "token", "list"]).good().json()[0]["serial"].clone();
    let wrong = Entry { token: serial.as_str().unwrap(), ..WRONG };
    let log = log(&desk);
    // The first half of what raises is in a segment that ends, of a chain that ends.
    log.append(&wrong, Durability::Now).unwrap();
    assert_eq!(once(&desk).out, "");
    renew(&log);
    fill(&desk, &log);
    let second = log.append(&wrong, Durability::Now).unwrap().seq;
    let heard = once(&desk);
    assert!(heard.out.contains("alarm 'guessing' (failed-logins)"), "{heard:?}");
    assert_eq!(alarms(&desk), [("alarm:guessing".to_string(), second)]);
    assert_eq!(once(&desk).out, "");
    desk.run(&["audit", "verify"]).good();
}

#[test]
fn while_it_runs() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/true\"] }");
    let serial = desk.run(&["--json", "token", "list"]).good().json()[0]["serial"].clone();
    let wrong = Entry { token: serial.as_str().unwrap(), ..WRONG };
    let mut command = desk.command(env!("CARGO_BIN_EXE_strongroom"), ["watch"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = log(&desk);
    log.append(&wrong, Durability::Now).unwrap();
    for _ in 0..2 {
        fill(&desk, &log);
        renew(&log);
    }
    let second = log.append(&wrong, Durability::Now).unwrap().seq;
    let begun = Instant::now();
    while alarms(&desk).is_empty() {
        assert!(begun.elapsed() < LONG, "the watch never told");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(alarms(&desk), [("alarm:guessing".to_string(), second)]);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it kept is enough for the next to know what was told.
    assert_eq!(once(&desk).out, "");
}

/// Longer than anything takes on the slowest machine.
const LONG: Duration = Duration::from_secs(120);
