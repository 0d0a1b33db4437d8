// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom watch`: what is raised is told, recorded once, and survives kills.

use crate::desk::{Desk, Ended};
use crate::metrics::{line, segment};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

const ALARMS: &str = "version = 1
[[alarm]]
name = \"guessing\"
when = \"failed-logins\"
threshold = 2
window = \"1h\"
notify = [\"pager\"]
[[alarm]]
name = \"log\"
when = \"log-failed\"
";

/// A token with a policy, and a watch that has begun; the pager is as the configuration says.
pub fn watched(deliveries: &str) -> Desk {
    let desk = Desk::with_token();
    let settings =
        format!("[pin]\nmax_failures = 50\n[watch]\nattempts = 1\ndeliveries = [{deliveries}]\n");
    desk.write("strongroom.toml", desk.expand(&settings).as_bytes());
    desk.write("policy.toml", ALARMS.as_bytes());
    desk.run(&["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"]).good();
    assert_eq!(once(&desk).out, "");
    desk
}

pub fn once(desk: &Desk) -> Ended {
    desk.run(&["watch", "--once"]).good()
}

fn guess(desk: &Desk) {
    // A right one between them: the third wrong one in a row would lock the PIN.
    for _ in 0..2 {
        desk.run(&["key", "list", "--pin-file", "$D/wrong"]).bad("is wrong");
    }
    desk.run(&["key", "list", "--pin-file", "$D/pin"]).good();
}

pub fn recorded(desk: &Desk, op: &str) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(desk.store().join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|record| record["op"] == op).collect()
}

#[test]
fn told_and_recorded_once() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/sh\", \"$D/page\", \"urgent\"] }");
    desk.write(
        "page",
        desk.expand("echo \"$1\" >>$D/words; cat >>$D/told; env >$D/env\n").as_bytes(),
    );
    guess(&desk);
    let heard = once(&desk);
    assert!(heard.out.contains("alarm 'guessing' (failed-logins)"), "{heard:?}");
    let told: Value =
        serde_json::from_str(&fs::read_to_string(desk.path("told")).unwrap()).unwrap();
    assert_eq!(told["alarm"], "guessing");
    assert_eq!(told["record"]["outcome"], "CKR_PIN_INCORRECT");
    assert_eq!(fs::read_to_string(desk.path("words")).unwrap(), "urgent\n");
    let environment = fs::read_to_string(desk.path("env")).unwrap();
    assert!(!environment.contains("STRONGROOM"), "{environment}");
    let records = recorded(&desk, "watch.alarm");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["details"]["rule"], "alarm:guessing");
    assert_eq!(records[0]["details"]["subject"], told["seq"].to_string());
    assert_eq!(records[0]["token"], told["token"]);
    assert_eq!(once(&desk).out, "");
    // Even when what the watch kept is lost, the log knows.
    fs::write(desk.store().join("watch/seen"), "{\"v\":1,\"seq\":0,\"verified\":\"\"}").unwrap();
    assert_eq!(once(&desk).out, "");
    assert_eq!(fs::read_to_string(desk.path("told")).unwrap().lines().count(), 1);
    assert_eq!(recorded(&desk, "watch.alarm").len(), 1);
    let replayed = desk.run(&["--json", "watch", "--replay"]).good();
    assert_eq!(replayed.json()["seq"], told["seq"]);
    assert_eq!(desk.run(&["watch", "--replay", "--to", "2020-01-01T00:00:00Z"]).good().out, "");
    assert_eq!(desk.run(&["watch", "--replay", "--from", "2999-01-01T00:00:00Z"]).good().out, "");
    desk.write("other.toml", b"version = 1\n[[alarm]]\nname = \"x\"\nwhen = \"policy-changed\"\n");
    let tried = desk.run(&["watch", "--replay", "--policy", "$D/other.toml"]).good();
    assert!(tried.out.contains("alarm 'x' (policy-changed)"), "{tried:?}");
    desk.write("bad.toml", b"version = 2\n");
    desk.run(&["watch", "--replay", "--policy", "$D/bad.toml"]).bad("is not a policy");
}

/// A watch that is killed after it told and before it recorded tells again, and records once.
#[test]
fn killed_while_it_tells() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/sh\", \"$D/page\"] }");
    desk.write(
        "page",
        desk.expand("cat >>$D/told; [ -e $D/killed ] || { touch $D/killed; kill -9 $PPID; }\n")
            .as_bytes(),
    );
    guess(&desk);
    assert_eq!(desk.run(&["watch", "--once"]).code, -1);
    assert_eq!(recorded(&desk, "watch.alarm").len(), 0);
    assert!(once(&desk).out.contains("alarm 'guessing'"));
    assert_eq!(once(&desk).out, "");
    let told = fs::read_to_string(desk.path("told")).unwrap();
    let told: Vec<_> = told.lines().collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert_eq!(recorded(&desk, "watch.alarm").len(), 1);
}

#[test]
fn deliveries_that_fail() {
    for (delivery, why) in [
        ("command = [\"/bin/false\"]", "'/bin/false' ended with exit status: 1"),
        ("command = [\"/nonexistent\"]", "'/nonexistent' cannot be run"),
        ("syslog = \"$D/none\"", "No such file"),
        ("webhook = \"http://127.0.0.1:1/\"", "127.0.0.1:1: "),
    ] {
        let desk = watched(&format!("{{ name = \"pager\", {delivery} }}"));
        guess(&desk);
        let heard = once(&desk);
        assert!(heard.out.contains("alarm 'guessing'"), "{heard:?}");
        assert!(heard.err.contains("was not told to 'pager': "), "{heard:?}");
        assert!(heard.err.contains(why), "{why}: {heard:?}");
        let failed = recorded(&desk, "watch.undelivered");
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0]["outcome"], "CKR_FUNCTION_FAILED");
        assert_eq!(recorded(&desk, "watch.alarm").len(), 1);
        assert_eq!(once(&desk).out, "");
        let metrics = desk.run(&["metrics"]).good().out;
        assert!(metrics.contains("strongroom_alarms_undelivered_total{"), "{metrics}");
    }
}

#[test]
fn syslog_and_webhook() {
    let desk = watched("{ name = \"pager\", syslog = \"$D/log\" }");
    let socket = UnixDatagram::bind(desk.path("log")).unwrap();
    guess(&desk);
    assert_eq!(once(&desk).err, "");
    let mut message = vec![0; 65536];
    let length = socket.recv(&mut message).unwrap();
    let message = String::from_utf8_lossy(&message[..length]).into_owned();
    assert!(
        message.starts_with("<105>1 20") && message.contains(" alarm - {\"alarm\":\"guessing\""),
        "{message}"
    );
    for (answer, good) in
        [("HTTP/1.1 204 No Content\r\n\r\n", true), ("HTTP/1.1 500 No\r\n\r\n", false)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk = watched(&format!(
            "{{ name = \"pager\", webhook = \"http://127.0.0.1:{port}/alarm\" }}"
        ));
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut some = [0; 4096];
            while !request.ends_with('}') {
                let read = stream.read(&mut some).unwrap();
                request.push_str(&String::from_utf8_lossy(&some[..read]));
            }
            stream.write_all(answer.as_bytes()).unwrap();
            request
        });
        guess(&desk);
        let heard = once(&desk);
        let request = served.join().unwrap();
        assert!(request.starts_with("POST /alarm HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["alarm"], "guessing");
        assert_eq!(heard.err.is_empty(), good, "{heard:?}");
    }
}

#[test]
fn what_cannot_be() {
    let desk = Desk::with_token();
    for (deliveries, says) in [
        ("{ name = \"a\" }", "one of 'command', 'syslog' and 'webhook'"),
        (
            "{ name = \"a\", syslog = \"/dev/log\", command = [\"x\"] }",
            "one of 'command', 'syslog'",
        ),
        ("{ syslog = \"/dev/log\" }", "a 'name' of their own"),
        (
            "{ name = \"a\", syslog = \"/x\" }, { name = \"a\", syslog = \"/y\" }",
            "a 'name' of their own",
        ),
        ("{ name = \"a\", webhook = \"http://192.0.2.1:80/\" }", "must be http://127.0.0.1"),
        ("{ name = \"a\", webhook = \"https://127.0.0.1:80/\" }", "must be http://127.0.0.1"),
        (
            "{ name = \"a\", webhook = \"http://localhost.example:80/\" }",
            "must be http://127.0.0.1",
        ),
        (
            "{ name = \"a\", webhook = \"http://127.0.0.1:80/a\\r\\nX: y\" }",
            "must be http://127.0.0.1",
        ),
    ] {
        desk.write("strongroom.toml", format!("[watch]\ndeliveries = [{deliveries}]\n").as_bytes());
        desk.run(&["watch", "--once"]).bad(says);
    }
    desk.write("strongroom.toml", b"");
    desk.write("policy.toml", ALARMS.as_bytes());
    desk.run(&["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"]).good();
    desk.run(&["watch", "--once"]).bad("alarm 'guessing' is to be told to 'pager'");
}

/// What the log cannot say of itself: a verification that failed, and bytes that others wrote.
#[test]
fn the_log_is_wrong() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/true\"] }");
    let verified = |time: &str, sound: bool| {
        let text = json!({ "time": time, "sound": sound, "records": 7 }).to_string();
        desk.write("store/watch/verified", text.as_bytes());
    };
    verified("2026-03-02T12:00:00Z", true);
    assert_eq!(once(&desk).out, "");
    let metrics = desk.run(&["metrics"]).good().out;
    assert!(metrics.contains("strongroom_verification_sound 1\n"), "{metrics}");
    verified("2026-03-02T12:01:00Z", false);
    assert!(once(&desk).out.contains("alarm 'log' (log-failed)"));
    assert_eq!(once(&desk).out, "");
    let metrics = desk.run(&["metrics"]).good().out;
    assert!(metrics.contains("strongroom_verification_sound 0\n"), "{metrics}");
    assert!(
        metrics.contains("strongroom_verification_timestamp_seconds 1772452860.000000\n"),
        "{metrics}"
    );
    // The command itself keeps what it found.
    desk.run(&["audit", "verify"]).good();
    let metrics = desk.run(&["metrics"]).good().out;
    assert!(metrics.contains("strongroom_verification_sound 1\n"), "{metrics}");
    assert_eq!(once(&desk).out, "");
    let first = desk.store().join(format!("audit/{:020}.jsonl", 1));
    let mut file = fs::OpenOptions::new().append(true).open(first).unwrap();
    file.write_all(b"{\"v\":1,\"seq\":99}\n").unwrap();
    let heard = once(&desk);
    assert!(heard.out.contains("no authentic record were cut off"), "{heard:?}");
    assert_eq!(once(&desk).out, "");
}

/// A record that others appended, with a number far ahead, does not hide what comes after it. (The log has
/// no head for a while: so nobody cuts it off before the watch reads it.)
#[test]
fn a_number_far_ahead_hides_nothing() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/true\"] }");
    let audit = desk.store().join("audit");
    let first = audit.join(format!("{:020}.jsonl", 1));
    fs::remove_file(audit.join("head")).unwrap();
    let text = fs::read_to_string(&first).unwrap();
    let (begin, rest) = text.lines().last().unwrap().split_once(",\"time\"").unwrap();
    assert!(begin.starts_with("{\"v\":1,\"seq\":"));
    let forged = format!("{{\"v\":1,\"seq\":{},\"time\"{rest}\n", u64::MAX);
    let append = || {
        let mut file = fs::OpenOptions::new().append(true).open(&first).unwrap();
        file.write_all(forged.as_bytes()).unwrap();
    };
    append();
    assert!(once(&desk).out.contains("are missing"));
    // Another behind it: the first is the last that was read.
    append();
    once(&desk);
    desk.run(&["audit", "renew", "--lost"]).good();
    assert!(once(&desk).out.contains("alarm 'log'"), "somebody went on behind a lost head");
    guess(&desk);
    assert!(once(&desk).out.contains("alarm 'guessing'"));
    assert_eq!(once(&desk).out, "");
}

/// A watch that runs: one at a time, alarms as they come, another policy when it is set, an end when it
/// is told to.
#[test]
fn it_runs() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/true\"] }");
    let out = fs::File::create(desk.path("out")).unwrap();
    let mut command = desk.command(env!("CARGO_BIN_EXE_strongroom"), ["watch"]);
    let mut child = command.stdout(out).stderr(Stdio::null()).spawn().unwrap();
    let said = |text: &str| {
        let begun = Instant::now();
        while !fs::read_to_string(desk.path("out")).unwrap().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(120), "the watch never said '{text}'");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    guess(&desk);
    said("alarm 'guessing'");
    desk.run(&["watch", "--once"]).bad("another watch looks at this store already");
    desk.write(
        "policy.toml",
        b"version = 1\n[[alarm]]\nname = \"set\"\nwhen = \"policy-changed\"\n",
    );
    desk.run(&["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"]).good();
    // The old policy had no such alarm; the change after it is seen by the new one.
    while recorded(&desk, "watch.alarm")
        .iter()
        .all(|record| record["details"]["rule"] != "alarm:set")
    {
        desk.run(&["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"]).good();
    }
    said("alarm 'set' (policy-changed)");
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(once(&desk).code, 0);
}

/// A past log in several segments, in the place of the store's own.
#[test]
fn a_copy_is_replayed() {
    let desk = watched("{ name = \"pager\", command = [\"/bin/false\"] }");
    let serial = desk.run(&["--json", "token", "list"]).good().json()[0]["serial"].clone();
    let copy = Desk::new();
    let wrong = |seq| {
        line(seq, &json!({ "token": serial, "op": "C_Login", "outcome": "CKR_PIN_INCORRECT" }))
    };
    segment(&copy, 1, &[wrong(1)]);
    segment(&copy, 2, &[wrong(2)]);
    let audit = copy.store().join("audit").display().to_string();
    let heard = desk.run(&["watch", "--replay", "--log", &audit]).good();
    assert_eq!(heard.out.lines().count(), 1, "{heard:?}");
    assert!(heard.out.contains("record 2: 2 PINs were wrong or locked"), "{heard:?}");
    assert_eq!(heard.err, "");
}
