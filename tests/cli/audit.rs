// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom audit`: what is shown, exported and proved is what is in the log.

use super::desk::{Desk, Ended};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;
use strongroom::audit::{Auditor, Detail, Durability, Entry, KeyName, Log, Place, Who};
use strongroom::config;
use strongroom::files::Access;
use strongroom::mechanism::kem;
use strongroom::secret::Secret;

/// A log in `$D/log`, beside no store.
pub struct Written {
    pub desk: Desk,
    pub place: Place,
}

impl Written {
    /// One with a record of each kind that the tests choose from.
    pub fn new() -> Written {
        let desk = Desk::new();
        let access = Access::for_group("").unwrap();
        let place = Place { directory: desk.path("log"), access, store: *b"0123456789abcdef" };
        let auditor = Auditor { name: "anna".to_string(), public: kem::generate().unwrap().0 };
        Log::create(&place, &key(), &[auditor]).unwrap();
        let written = Written { desk, place };
        let log = written.open(config::Audit::default());
        for entry in entries() {
            log.append(&entry, Durability::Now).unwrap();
        }
        written
    }

    pub fn open(&self, settings: config::Audit) -> Log {
        Log::open(self.place.clone(), &key(), settings).unwrap()
    }

    pub fn run(&self, arguments: &str) -> Ended {
        self.desk.run(&words(arguments))
    }

    /// The numbers of the records that are shown.
    #[track_caller]
    fn shown(&self, filter: &str) -> Vec<u64> {
        let ended = self.run(&format!("show --json {filter}")).good();
        ended.out.lines().map(|line| parsed(line)["seq"].as_u64().unwrap()).collect()
    }

    pub fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.place.segment(1)).unwrap();
        text.lines().map(str::to_string).collect()
    }

    /// Changes the text of a file of the log.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.place.directory.join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}

/// Records 3 to 6: the log began with two of its own.
pub fn entries() -> [Entry<'static>; 4] {
    const SERVER: KeyName<'_> = KeyName { id: b"5f3a-01", label: b"server" };
    const COUNTS: &[Detail<'_>] =
        &[Detail::Count(41), Detail::First(1_000_000), Detail::Last(2_000_000)];
    let signing = Entry {
        who: Who { role: "operator", user: "olga" },
        token: "0123456789abcdef",
        session: 9,
        op: "C_Sign",
        key: Some(SERVER),
        mechanism: "CKM_ECDSA",
        outcome: "CKR_OK",
        details: COUNTS,
    };
    let login = Entry {
        who: Who::default(),
        op: "C_Login",
        key: None,
        mechanism: "",
        outcome: "CKR_PIN_INCORRECT",
        details: &[],
        ..signing
    };
    let odd = KeyName { id: b"5f3a-02", label: "Schl\u{fc}ssel\n\u{1b}[31m".as_bytes() };
    let made = Entry {
        who: Who { role: "user", user: "" },
        op: "C_GenerateKeyPair",
        key: Some(odd),
        details: &[],
        ..signing
    };
    let denied = Entry { op: "C_WrapKey", outcome: "CKR_KEY_UNEXTRACTABLE", ..made };
    [signing, login, made, denied]
}

fn key() -> Secret {
    Secret::copy_of(&[7; 32]).unwrap()
}

/// Longer than anything takes on the slowest machine.
const LONG: Duration = Duration::from_secs(120);

fn words(arguments: &str) -> Vec<&str> {
    let (verb, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let rest = rest.split(' ').filter(|word| !word.is_empty());
    ["audit", verb, "--log", "$D/log"].into_iter().chain(rest).collect()
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn lines_are_shown_as_they_are() {
    let written = Written::new();
    let out = written.run("show --json").good().out;
    assert_eq!(out, fs::read_to_string(written.place.segment(1)).unwrap());
}

#[test]
fn filters_choose() {
    let written = Written::new();
    assert_eq!(written.shown(""), [1, 2, 3, 4, 5, 6]);
    let table = [
        ("--after 4", &[5, 6][..]),
        ("--key server", &[3]),
        ("--key 5f3a-02", &[5, 6]),
        ("--key 5f3a-*", &[3, 5, 6]),
        ("--key *rv*r", &[3]),
        ("--key rver", &[]),
        ("--key server --key 5f3a-02", &[3, 5, 6]),
        ("--user olga", &[3]),
        ("--user user", &[5, 6]),
        ("--user uid:4294967295", &[]),
        ("--operation C_Sign", &[3]),
        ("--operation C_S", &[]),
        ("--operation C_*", &[3, 4, 5, 6]),
        ("--operation audit.*", &[1, 2]),
        ("--outcome failed", &[4, 6]),
        ("--outcome ok", &[1, 2, 3, 5]),
        ("--outcome CKR_PIN_INCORRECT", &[4]),
        ("--outcome failed --operation C_Login", &[4]),
        ("--program nobody", &[]),
        ("--last 2", &[5, 6]),
        ("--since 1h", &[1, 2, 3, 4, 5, 6]),
        ("--until 1h", &[3]),
        ("--until 1970-01-01T00:00:01Z", &[]),
        ("--until 1970-01-01T00:00:01.000001Z", &[3]),
        ("--until 1970-01-01T01:00:02+01:00", &[3]),
        ("--until 1970-01-01T01:00:01+01:00", &[]),
        ("--until 1970-01-01T01:00:02[Europe/Berlin]", &[3]),
        ("--since 2999-01-01T00:00:00Z", &[]),
    ];
    for (filter, expected) in table {
        assert_eq!(written.shown(filter), expected, "{filter}");
    }
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(written.shown(&format!("--user uid:{uid}")).len(), 6);
}

#[test]
fn times_have_their_zone() {
    let written = Written::new();
    written.run("show --since 2026-03-01T12:00:00").bad("no time with a zone");
    written.run("show --since yesterday").bad("no time with a zone");
    written.run("show --zone Nowhere/None").bad("there is no time zone");
    let utc = written.run("show --operation C_Sign").good().out;
    assert!(utc.contains("+00:00"), "{utc}");
    let there = written.run("show --operation C_Sign --zone Asia/Kathmandu").good().out;
    assert!(there.contains("+05:45"), "{there}");
    let time = |text: &str| {
        let word = text.lines().nth(1).unwrap().split_whitespace().nth(1).unwrap().to_string();
        word.parse::<jiff::Timestamp>().unwrap()
    };
    assert_eq!(time(&utc), time(&there));
    let recorded = parsed(&written.lines()[2])["time"].as_str().unwrap().to_string();
    assert_eq!(time(&utc), recorded.parse().unwrap());
}

#[test]
fn a_table_for_people() {
    let written = Written::new();
    let out = written.run("show").good().out;
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        "SEQ TIME WHO PROGRAM OPERATION KEY OUTCOME PARTICULARS".split(' ').collect::<Vec<_>>()
    );
    assert_eq!(rows.len(), 7);
    assert!(rows[3].join(" ").contains("C_Sign server CKR_OK CKM_ECDSA count=41"), "{out}");
    assert!(rows[3].join(" ").contains("olga operator uid:"), "{out}");
    // A label moves no cursor.
    assert!(!out.contains('\u{1b}') && out.contains("Schl\u{fc}ssel\\n\\u{1b}[31m"), "{out}");
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let written = Written::new();
    written.edit("00000000000000000001.jsonl", "\"op\":\"C_Login\"", "\"op\":C_Login\"");
    let ended = written.run("show --json --operation C_*");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("00000000000000000001.jsonl:4 is no record"), "{ended:?}");
    assert!(ended.err.contains("audit verify"), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 3, "the others are shown: {ended:?}");
}

#[test]
fn half_a_line_is_not_shown() {
    let written = Written::new();
    let path = written.place.segment(1);
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"{\"v\":1,\"se").unwrap();
    assert_eq!(written.shown("").len(), 6);
}

#[test]
fn where_there_is_no_log() {
    let desk = Desk::new();
    desk.run(&["audit", "show"]).bad("there is no audit log in");
    desk.run(&["audit", "show", "--log", "$D/none"]).bad("there is no audit log in");
    fs::create_dir(desk.path("none")).unwrap();
    desk.run(&["audit", "key", "--log", "$D/none"]).bad("cannot read the key");
    desk.run(&["audit", "prove", "1", "--log", "$D/none"]).bad("cannot list the checkpoints");
}

/// Over segments, a line that is written in two halves, and what a writer cuts off.
#[test]
fn who_follows_misses_nothing() {
    let written = Written::new();
    let arguments = words("show --json --follow --after 6").into_iter();
    let arguments: Vec<String> = arguments.map(|word| written.desk.expand(word)).collect();
    let mut command = written.desk.command(env!("CARGO_BIN_EXE_strongroom"), arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || out.lines().try_for_each(|line| sender.send(line.unwrap())));
    // What never comes must end the test.
    let next = || parsed(&receiver.recv_timeout(LONG).expect("a record more"));
    let log = written.open(config::Audit { segment_mib: 1, ..config::Audit::default() });
    log.append(&entries()[0], Durability::Now).unwrap();
    assert_eq!(next()["seq"], 7);
    let mut file = fs::OpenOptions::new().append(true).open(written.place.segment(1)).unwrap();
    file.write_all(b"{\"v\":1,\"seq\":8,\"ti").unwrap();
    log.append(&entries()[1], Durability::Now).unwrap();
    assert_eq!(next()["op"], "audit.cut");
    assert_eq!(next()["op"], "C_Login");
    // Lines of somebody else, which are seen, and cut off by the next who writes.
    let last = written.lines().pop().unwrap();
    file.write_all(format!("{last}\n{last}\n{last}\n").as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(next()["seq"], 9);
    }
    log.append(&entries()[2], Durability::Now).unwrap();
    assert_eq!(next()["op"], "audit.cut");
    assert_eq!(next()["op"], "C_GenerateKeyPair");
    for _ in 0..3000 {
        log.append(&entries()[0], Durability::Later).unwrap();
    }
    let end = log.position().unwrap().seq;
    let mut turned = 0;
    for seq in 12..=end {
        let record = next();
        assert_eq!(record["seq"], seq);
        turned += usize::from(record["op"] == "audit.segment");
    }
    assert!(turned > 0, "there was one segment");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn syslog() {
    let written = Written::new();
    let out = written.run("export --format syslog --operation C_*").good().out;
    let messages: Vec<&str> = out.lines().collect();
    assert_eq!(messages.len(), 4);
    for (message, line) in messages.iter().zip(&written.lines()[2..]) {
        let (head, record) = message.split_once("] {").unwrap();
        assert_eq!(format!("{{{record}"), *line, "the line is in it as it is");
        let record = parsed(line);
        let fields: Vec<&str> = head.splitn(7, ' ').collect();
        let failed = record["outcome"] != "CKR_OK";
        assert_eq!(fields[0], if failed { "<108>1" } else { "<110>1" }, "{message}");
        assert_eq!(fields[1], record["time"]);
        assert_eq!(fields[3], "strongroom");
        assert_eq!(fields[4], record["who"]["pid"].to_string());
        assert_eq!(fields[5], record["op"]);
        let sequence = format!("[meta sequenceId=\"{}\"][origin software=", record["seq"]);
        assert!(fields[6].starts_with(&sequence), "{message}");
    }
}

#[test]
fn syslog_by_datagrams() {
    let written = Written::new();
    let stdout = written.run("export --format syslog").good().out;
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(LONG)).unwrap();
    let port = udp.local_addr().unwrap().port();
    written.run(&format!("export --format syslog --to udp:127.0.0.1:{port}")).good();
    let path = written.desk.path("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    written.run("export --format syslog --to unix:$D/socket").good();
    for line in stdout.lines() {
        let mut buffer = [0; 65536];
        let length = udp.recv(&mut buffer).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), line);
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), line);
    }
    drop(socket);
    written.run("export --format syslog --to unix:$D/socket").bad("cannot send to");
    written.run("export --format ocsf --to unix:$D/socket").bad("standard output alone");
    written.run("export --format journald --to stdout").bad("a socket of this machine alone");
    let wrong = written.run("export --format syslog --to tcp:127.0.0.1:1");
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

/// Where nobody listens any more, it is said how to go on.
#[test]
fn what_was_not_sent_is_said() {
    let written = Written::new();
    let path = written.desk.path("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let arguments = words("export --format syslog --follow --to unix:$D/socket").into_iter();
    let arguments: Vec<String> = arguments.map(|word| written.desk.expand(word)).collect();
    let mut command = written.desk.command(env!("CARGO_BIN_EXE_strongroom"), arguments);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut buffer = [0; 65536];
    for _ in 0..6 {
        socket.recv(&mut buffer).unwrap();
    }
    drop(socket);
    let log = written.open(config::Audit::default());
    log.append(&entries()[0], Durability::Now).unwrap();
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("record 7 was not sent") && err.contains("--after 6"), "{err}");
}

#[test]
fn journald() {
    let written = Written::new();
    let socket = UnixDatagram::bind(written.desk.path("journal")).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    written.run("export --format journald --to unix:$D/journal --after 2").good();
    let mut entries = Vec::new();
    for line in &written.lines()[2..] {
        let mut buffer = [0; 65536];
        let length = socket.recv(&mut buffer).unwrap();
        let entry = fields(&buffer[..length]);
        assert_eq!(entry["STRONGROOM_RECORD"], *line);
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "strongroom");
        entries.push(entry);
    }
    assert_eq!(entries[0]["PRIORITY"], "6");
    assert_eq!(entries[1]["PRIORITY"], "4");
    assert_eq!(entries[0]["STRONGROOM_USER"], "olga");
    assert!(!entries[1].contains_key("STRONGROOM_USER"));
    assert_eq!(entries[2]["STRONGROOM_KEY_LABEL"], "Schl\u{fc}ssel\n\u{1b}[31m");
    assert!(entries[0]["MESSAGE"].contains("C_Sign CKR_OK key 'server'"), "{:?}", entries[0]);
}

/// A datagram of journald's native protocol, read by its description.
fn fields(mut bytes: &[u8]) -> std::collections::BTreeMap<String, String> {
    let mut fields = std::collections::BTreeMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let (name, rest) = (&bytes[..end], &bytes[end + 1..]);
        let name = String::from_utf8(name.to_vec()).unwrap();
        assert!(
            name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !name.starts_with('_')
        );
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let value = String::from_utf8(rest[8..8 + length].to_vec()).unwrap();
        assert_eq!(rest[8 + length], b'\n');
        assert!(fields.insert(name, value).is_none());
        bytes = &rest[9 + length..];
    }
    fields
}

#[test]
fn ocsf() {
    let written = Written::new();
    let out = written.run("export --format ocsf --operation C_*").good().out;
    let events: Vec<Value> = out.lines().map(parsed).collect();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| {
            let number = |name: &str| event[name].as_u64().unwrap();
            assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"));
            assert_eq!(number("category_uid"), number("class_uid") / 1000);
            (number("class_uid"), number("activity_id"), number("status_id"), number("severity_id"))
        })
        .collect();
    assert_eq!(kinds, [(6003, 99, 1, 1), (3002, 1, 2, 3), (6003, 1, 1, 1), (6003, 2, 2, 3)]);
    for (event, line) in events.iter().zip(&written.lines()[2..]) {
        assert_eq!(event["raw_data"], *line);
        assert_eq!(event["metadata"]["sequence"], parsed(line)["seq"]);
        assert!(!event.to_string().contains("null"), "{event}");
    }
    assert_eq!((&events[0]["count"], &events[0]["start_time"]), (&41.into(), &1000.into()));
    assert_eq!(events[0]["actor"]["user"]["name"], "olga");
    assert_eq!(events[0]["resources"][0]["uid"], "5f3a-01");
    assert_eq!(events[0]["api"]["operation"], "C_Sign");
}

/// What a log says neither moves the cursor nor turns around the words beside it.
#[test]
fn a_log_shows_as_what_it_is() {
    let copy = tempfile::tempdir().unwrap();
    let line = r#"{"v":1,"seq":1,"time":"2026-01-01T00:00:00.000000Z","store":"00000000000000000000000000000000","who":{"uid":0,"pid":1,"program":"p\u001b[2J\u009b\u202e"},"op":"C_Sign\u2066","outcome":"CKR_OK","mac":"MAC"}"#;
    let line = line.replace("MAC", &"0".repeat(64));
    std::fs::write(copy.path().join("00000000000000000001.jsonl"), format!("{line}\n")).unwrap();
    let mut show = std::process::Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let output = show.args(["audit", "show", "--log"]).arg(copy.path()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains(r"p\u{1b}[2J\u{9b}\u{202e}"), "{shown}");
    assert!(shown.contains(r"C_Sign\u{2066}"), "{shown}");
}
