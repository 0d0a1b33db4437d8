// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records in the formats of others: syslog (RFC 5424), journald's native protocol, and lines of JSON
//! by the schema of OCSF. It renders, and sends nothing. Each format has the line itself in it, so that
//! what a collector keeps can still be verified.

use crate::audit::{Line, Record};
use serde_json::{Value, json};

/// A format of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// RFC 5424.
    Syslog,
    /// The datagrams that journald takes.
    Journald,
    /// Lines of JSON: API Activity and Authentication of OCSF.
    Ocsf,
}

impl LogFormat {
    /// A record in this format, without what parts it from the next.
    pub fn render(self, record: &Record, line: &Line, host: &str) -> Vec<u8> {
        match self {
            LogFormat::Syslog => syslog(record, line, host),
            LogFormat::Journald => journald(record, line),
            LogFormat::Ocsf => ocsf(record, line, host).to_string().into_bytes(),
        }
    }
}

/// The facility is "log audit"; the message is the line, which is ASCII.
fn syslog(record: &Record, line: &Line, host: &str) -> Vec<u8> {
    let priority = 13 * 8 + severity(record);
    let (time, pid) = (&record.time, record.who.pid);
    let (host, id) = (printable(host, 255), printable(&record.op, 32));
    let version = env!("CARGO_PKG_VERSION");
    // RFC 5424 ends sequences at 2^31 - 1 and begins them again.
    let sequence = record.seq.saturating_sub(1) % 0x7fff_ffff + 1;
    let mut message = format!(
        "<{priority}>1 {time} {host} strongroom {pid} {id} [meta sequenceId=\"{sequence}\"]\
         [origin software=\"strongroom\" swVersion=\"{version}\"] "
    )
    .into_bytes();
    message.extend_from_slice(&line.bytes);
    message
}

fn journald(record: &Record, line: &Line) -> Vec<u8> {
    let mut entry = Vec::new();
    let mut put = |name: &str, value: &[u8]| {
        // A value with a newline, or of nothing but bytes, comes with its length.
        entry.extend_from_slice(name.as_bytes());
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        entry.extend_from_slice(value);
        entry.push(b'\n');
    };
    put("MESSAGE", summary(record).as_bytes());
    put("PRIORITY", severity(record).to_string().as_bytes());
    put("SYSLOG_FACILITY", b"13");
    put("SYSLOG_IDENTIFIER", b"strongroom");
    put("STRONGROOM_RECORD", &line.bytes);
    put("STRONGROOM_SEQ", record.seq.to_string().as_bytes());
    put("STRONGROOM_TIME", record.time.as_bytes());
    put("STRONGROOM_STORE", record.store.as_bytes());
    put("STRONGROOM_UID", record.who.uid.to_string().as_bytes());
    put("STRONGROOM_PID", record.who.pid.to_string().as_bytes());
    put("STRONGROOM_PROGRAM", record.who.program.as_bytes());
    put("STRONGROOM_OPERATION", record.op.as_bytes());
    put("STRONGROOM_OUTCOME", record.outcome.as_bytes());
    let key = record.key.as_ref();
    let further = [
        ("STRONGROOM_ROLE", record.who.role.as_deref()),
        ("STRONGROOM_USER", record.who.user.as_deref()),
        ("STRONGROOM_TOKEN", record.token.as_deref()),
        ("STRONGROOM_MECHANISM", record.mechanism.as_deref()),
        ("STRONGROOM_KEY_ID", key.map(|key| key.id.as_str())),
        ("STRONGROOM_KEY_LABEL", key.map(|key| key.label.as_str())),
    ];
    for (name, value) in further {
        if let Some(value) = value {
            put(name, value.as_bytes());
        }
    }
    entry
}

fn ocsf(record: &Record, line: &Line, host: &str) -> Value {
    let row = CLASSES.iter().find(|row| crate::audit::filter::glob(row.0, &record.op));
    let (_, class, activity) = *row.unwrap_or(&("", API, OTHER));
    let (millis, count) = (record.written() / 1000, record.details.get("count"));
    without_nulls(json!({
        "category_uid": class / 1000,
        "class_uid": class,
        "activity_id": activity,
        "activity_name": activity_name(record, class, activity),
        "type_uid": class * 100 + activity,
        "time": millis,
        "severity_id": match severity(record) { 6 => 1, 4 => 3, _ => 5 },
        "status_id": if record.outcome == GOOD { 1 } else { 2 },
        "status_code": record.outcome,
        "metadata": metadata(record),
        "actor": actor(record),
        "src_endpoint": { "hostname": host },
        "count": count.cloned().unwrap_or(1.into()),
        "start_time": record.since() / 1000,
        "end_time": millis,
        "api": (class == API).then(
            || json!({ "operation": record.op, "service": { "name": "PKCS #11" } })),
        "user": (class != API).then(
            || json!({ "name": record.who.user, "type": record.who.role })),
        "resources": record.key.as_ref().map(
            |key| json!([{ "uid": key.id, "name": key.label, "type": "key" }])),
        "unmapped": { "token": record.token, "mechanism": record.mechanism, "details": record.details },
        "raw_data": String::from_utf8_lossy(&line.bytes),
    }))
}

fn activity_name(record: &Record, class: u64, activity: u64) -> &str {
    if activity == OTHER {
        return &record.op;
    }
    ACTIVITIES.iter().find(|row| (row.0, row.1) == (class, activity)).map_or("", |row| row.2)
}

/// Which product wrote the record, and where in its log it stands.
fn metadata(record: &Record) -> Value {
    json!({
        "version": OCSF,
        "product": {
            "name": "Strongroom",
            "vendor_name": "Strongroom",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "log_name": format!("strongroom-audit/{}", record.store),
        "sequence": record.seq,
        "original_time": record.time,
        "uid": record.mac,
    })
}

/// Who did it.
fn actor(record: &Record) -> Value {
    json!({
        "user": {
            "uid": record.who.uid.to_string(),
            "name": record.who.user,
            "type": record.who.role,
        },
        "process": { "pid": record.who.pid, "name": record.who.program },
        "session": { "uid": record.session.map(|session| session.to_string()) },
    })
}

/// What is not known is absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(map.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// Of RFC 5424: informational; a warning where something failed; critical where the log itself says
/// that it was touched.
fn severity(record: &Record) -> u8 {
    let own = record.op.starts_with("audit.") || record.op.starts_with("store.");
    match (record.outcome.as_str(), own) {
        (GOOD, false) => 6,
        (GOOD, true) if record.op != "audit.cut" => 6,
        (_, true) => 2,
        (_, false) => 4,
    }
}

/// The record in a line for people.
pub fn summary(record: &Record) -> String {
    let mut text = format!("{} {}", record.op, record.outcome);
    if let Some(key) = &record.key {
        text.push_str(&format!(" key '{}' ({})", key.label, key.id));
    }
    if let Some(mechanism) = &record.mechanism {
        text.push_str(&format!(" {mechanism}"));
    }
    if let Some(count) = record.details.get("count") {
        text.push_str(&format!(" {count} times"));
    }
    text.push_str(&format!(" by uid {}", record.who.uid));
    for name in [&record.who.role, &record.who.user].into_iter().flatten() {
        text.push_str(&format!(", {name}"));
    }
    format!("{text}, program {}", record.who.program)
}

/// A field of RFC 5424: printable characters of ASCII without blanks.
fn printable(text: &str, longest: usize) -> String {
    let shown: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(longest).collect();
    if shown.is_empty() { "-".to_string() } else { shown }
}

/// What each operation is to OCSF: class and activity. The first row that fits counts.
const CLASSES: &[(&str, u64, u64)] = &[
    ("C_Login*", AUTHENTICATION, 1),
    ("C_Logout", AUTHENTICATION, 2),
    ("C_Generate*", API, 1),
    ("C_CreateObject", API, 1),
    ("C_CopyObject", API, 1),
    ("C_DeriveKey", API, 1),
    ("C_UnwrapKey*", API, 1),
    ("C_InitToken", API, 1),
    ("C_InitPIN", API, 1),
    ("C_WrapKey*", API, 2),
    ("C_GetAttributeValue", API, 2),
    ("C_SetAttributeValue", API, 3),
    ("C_SetPIN", API, 3),
    ("C_DestroyObject", API, 4),
    ("login", AUTHENTICATION, 1),
    ("init", API, 1),
    ("key generate", API, 1),
    ("key import", API, 1),
    ("user add", API, 1),
    ("seal add", API, 1),
    ("key destroy", API, 4),
    ("key forget", API, 4),
    ("user remove", API, 4),
    ("seal remove", API, 4),
    ("key *", API, 3),
    ("pin *", API, 3),
    ("user *", API, 3),
    ("policy *", API, 3),
    ("token *", API, 3),
];

const ACTIVITIES: &[(u64, u64, &str)] = &[
    (AUTHENTICATION, 1, "Logon"),
    (AUTHENTICATION, 2, "Logoff"),
    (API, 1, "Create"),
    (API, 2, "Read"),
    (API, 3, "Update"),
    (API, 4, "Delete"),
];

/// Classes of OCSF: API Activity and Authentication.
const API: u64 = 6003;
const AUTHENTICATION: u64 = 3002;
/// An activity of neither list.
const OTHER: u64 = 99;
/// The version of the schema whose names these are.
const OCSF: &str = "1.3.0";
const GOOD: &str = "CKR_OK";
