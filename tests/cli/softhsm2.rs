// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Moving in from tokens that SoftHSM2 made (`tests/vectors/softhsm2`): what is carried does its
//! work, what cannot be is named, and the source stays as it is.

use super::desk::{Desk, Ended};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Label, class, and attributes with their values.
type Expected<'a> = (&'a str, &'a str, &'a [(&'a str, Value)]);

const VECTORS: &str = "tests/vectors/softhsm2";

/// A desk with a copy of the tokens: `tokens` and `database`.
fn desk() -> Desk {
    let desk = Desk::with_token();
    for backend in ["tokens", "database"] {
        copy(&Path::new(VECTORS).join(backend), &desk.path(backend));
    }
    desk
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn import(desk: &Desk, backend: &str, more: &[&str]) -> Ended {
    let tokens = format!("$D/{backend}");
    let first = ["import", "softhsm2", "--tokens", &tokens, "--pin-file", "$D/pin"];
    desk.run(&[&first, more].concat())
}

const OFFICE: &[&str] = &["--token", "office", "--source-pin-file", "$D/pin"];

fn office(desk: &Desk, backend: &str, more: &[&str]) -> Ended {
    import(desk, backend, &[OFFICE, more].concat())
}

/// The report of a run, whatever its code.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn counts(report: &Value) -> [u64; 3] {
    ["carried", "present", "left"].map(|name| report[name].as_u64().unwrap())
}

fn moved<'a>(report: &'a Value, source: &str) -> &'a Value {
    let mut objects = report["objects"].as_array().unwrap().iter();
    objects.find(|object| object["source"] == source).unwrap()
}

fn listed(desk: &Desk) -> Value {
    report(&desk.run(&["key", "list", "--json", "--pin-file", "$D/pin"]).good())
}

/// The directory of a token.
fn directory(desk: &Desk, backend: &str, label: &str) -> PathBuf {
    let all = fs::read_dir(desk.path(backend)).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        let file = if backend == "tokens" { "token.object" } else { "sqlite3.db" };
        let bytes = fs::read(path.join(file)).unwrap();
        bytes.windows(label.len()).any(|window| window == label.as_bytes())
    };
    all.into_iter().find(holds).unwrap()
}

/// The object files of the token `office`, by label where that is not encrypted, else by class,
/// with their attributes' numbers.
fn object_files(desk: &Desk) -> Vec<(PathBuf, Vec<u8>)> {
    let all = fs::read_dir(directory(desk, "tokens", "office")).unwrap();
    let paths = all.map(|entry| entry.unwrap().path());
    let objects = paths.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".object") && name != "token.object"
    });
    objects.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn holding(desk: &Desk, text: &[u8]) -> (PathBuf, Vec<u8>) {
    let mut files = object_files(desk).into_iter();
    files.find(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text)).unwrap()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

/// An attribute as an object file has it.
fn attribute(id: u64, form: u64, value: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes(), &form.to_be_bytes(), value].concat()
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [&(value.len() as u64).to_be_bytes(), value].concat()
}

/// All that can be seen of the files under a directory.
fn everything(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, [i64; 5])> {
    let mut all = BTreeMap::new();
    let mut next = vec![directory.to_path_buf()];
    while let Some(path) = next.pop() {
        let seen = fs::metadata(&path).unwrap();
        let times =
            [seen.atime(), seen.atime_nsec(), seen.mtime(), seen.mtime_nsec(), seen.ctime()];
        all.insert(path.clone(), (Vec::new(), times));
        if seen.is_dir() {
            next.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    // Reading moves the times of access, so contents come last.
    for (path, (content, _)) in &mut all {
        if path.is_file() {
            *content = fs::read(path).unwrap();
        }
    }
    all
}

#[test]
fn both_backends_are_carried_and_a_second_time_nothing_is() {
    for (backend, other) in [("tokens", "database"), ("database", "tokens")] {
        let desk = desk();
        let dry = office(&desk, backend, &["--dry-run", "--json"]).good();
        assert_eq!(counts(&report(&dry)), [13, 0, 0]);
        assert_eq!(listed(&desk).as_array().unwrap().len(), 0, "a dry run does nothing");
        let done = office(&desk, backend, &["--json"]).good();
        let (mut said, mut did) = (report(&dry), report(&done));
        (said["dry_run"], did["dry_run"]) = (Value::Null, Value::Null);
        assert_eq!(said, did, "a dry run says what is done");
        let before = listed(&desk);
        assert_eq!(before.as_array().unwrap().len(), 13);
        for again in [backend, other] {
            let again = report(&office(&desk, again, &["--json"]).good());
            assert_eq!(counts(&again), [0, 13, 0]);
        }
        assert_eq!(listed(&desk), before);
        desk.run(&["check"]).good();
    }
}

/// What a dry run names is what the source says of each key; no key gains a usage or claims a past.
#[test]
fn attributes_are_carried_and_changes_are_named() {
    let desk = desk();
    let ended = office(&desk, "tokens", &[]).good();
    for text in [
        "changed: CKA_LOCAL becomes false",
        "changed: CKA_NEVER_EXTRACTABLE becomes false",
        "changed: CKA_ALWAYS_SENSITIVE becomes false",
        "changed: CKA_KEY_GEN_MECHANISM dropped",
        "13 carried, 0 there already, 0 left behind",
    ] {
        assert!(ended.out.contains(text), "{ended:?}");
    }
    let show = |label: &str, class: &str| {
        let show = ["key", "show", "--label", label, "--class", class, "--pin-file", "$D/pin"];
        desk.run(&[&show[..], &["--json"]].concat()).good()
    };
    let wanted: &[Expected<'_>] = &[
        (
            "rsa",
            "private",
            &[
                ("CKA_LOCAL", false.into()),
                ("CKA_NEVER_EXTRACTABLE", false.into()),
                ("CKA_ALWAYS_SENSITIVE", false.into()),
                ("CKA_SENSITIVE", true.into()),
                ("CKA_EXTRACTABLE", false.into()),
                ("CKA_SIGN", true.into()),
                ("CKA_DECAPSULATE", false.into()),
                ("CKA_ID", "01".into()),
            ],
        ),
        (
            "hmac",
            "secret",
            &[
                ("CKA_EXTRACTABLE", true.into()),
                ("CKA_SENSITIVE", false.into()),
                ("CKA_PRIVATE", false.into()),
                ("CKA_VALUE_LEN", 32.into()),
                ("CKA_CHECK_VALUE", CHECK_VALUE_OF_HMAC.into()),
            ],
        ),
        ("note", "data", &[("CKA_PRIVATE", true.into()), ("CKA_APPLICATION", "app".into())]),
        ("public-note", "data", &[("CKA_VALUE", "61206e6f74650a".into())]),
    ];
    for (label, class, attributes) in wanted {
        let shown = report(&show(label, class));
        let all = shown[0]["attributes"].as_array().unwrap();
        for (name, value) in *attributes {
            let found = all.iter().find(|attribute| attribute["name"] == *name);
            assert_eq!(&found.unwrap()["value"], value, "{label}: {name}");
        }
        let mechanisms = all.iter().any(|attribute| attribute["name"] == "CKA_ALLOWED_MECHANISMS");
        assert_eq!(mechanisms, *label == "hmac", "{label}");
    }
}

/// The private half gives the public key that SoftHSM2 kept beside it, and the certificate's; the
/// scalar with a zero first is the one that was written.
#[test]
fn carried_halves_belong_together() {
    let desk = desk();
    office(&desk, "tokens", &[]).good();
    let public = |label: &str, class: &str| {
        let export = ["key", "export-public", "--label", label, "--class", class];
        desk.run(&[&export[..], &["--pin-file", "$D/pin"]].concat()).good().raw
    };
    for label in ["rsa", "ec", "ed"] {
        assert_eq!(public(label, "private"), public(label, "public"), "{label}");
    }
    let x509 = openssl::x509::X509::from_pem(&public("cert", "certificate")).unwrap();
    let pem = x509.public_key().unwrap().public_key_to_pem().unwrap();
    assert_eq!(public("imported", "private"), pem);
}

#[test]
fn the_source_stays_as_it_is() {
    let desk = desk();
    for backend in ["tokens", "database"] {
        let before = everything(&desk.path(backend));
        // Times of access move to now where nothing prevents it: set them back first.
        let past = std::time::SystemTime::UNIX_EPOCH;
        for path in before.keys() {
            let times = fs::FileTimes::new().set_accessed(past);
            fs::File::open(path).unwrap().set_times(times).unwrap();
        }
        let seen = |path: &Path| {
            let seen = fs::metadata(path).unwrap();
            (seen.atime(), seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec())
        };
        let times: Vec<_> = before.keys().map(|path| seen(path)).collect();
        office(&desk, backend, &[]).good();
        let after: Vec<_> = before.keys().map(|path| seen(path)).collect();
        assert_eq!(times, after, "{backend}");
        let (before, after) = (before, everything(&desk.path(backend)));
        let contents = |all: &BTreeMap<PathBuf, (Vec<u8>, _)>| {
            all.iter()
                .map(|(path, (content, _))| (path.clone(), content.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(contents(&before), contents(&after));
    }
}

/// What nobody hides may be written in clear; everything else may not.
#[test]
fn keys_leave_in_clear_as_their_attributes_allow() {
    let desk = desk();
    let export = |label: &str, more: &[&str]| {
        let export = ["key", "export", "--label", label, "--pin-file", "$D/pin"];
        desk.run(&[&export[..], more].concat())
    };
    // A private key that is not sensitive and may be extracted: as its file says.
    let (path, whole) = holding(&desk, &attribute(0x122, 3, &32u64.to_be_bytes()));
    let ends = ends(&whole);
    for (sensitive, extractable, leaves) in
        [(true, false, false), (true, true, false), (false, false, false), (false, true, true)]
    {
        let mut file = whole.clone();
        for (id, flag) in [(0x103, sensitive), (0x162, extractable)] {
            let end = ends.iter().find(|(known, _)| *known == id).unwrap().1;
            file[end - 1] = u8::from(flag);
        }
        fs::write(&path, file).unwrap();
        office(&desk, "tokens", &[]).good();
        let ended = export("rsa", &["--class", "private", "--out", "$D/rsa.pem"]);
        if leaves {
            ended.good();
        } else {
            ended.bad("its attributes hide it");
            assert!(!desk.path("rsa.pem").exists());
        }
        let destroy =
            "key destroy --label rsa --class private --yes --reason test --pin-file $D/pin";
        if !leaves {
            desk.run(&destroy.split(' ').collect::<Vec<_>>()).good();
        }
    }
    assert_eq!(fs::metadata(desk.path("rsa.pem")).unwrap().mode() & 0o777, 0o600);
    let key = openssl::pkey::PKey::private_key_from_pem(&fs::read(desk.path("rsa.pem")).unwrap());
    let public = ["key", "export-public", "--label", "rsa", "--pin-file", "$D/pin"];
    let public = desk.run(&public).good().raw;
    assert_eq!(key.unwrap().public_key_to_pem().unwrap(), public);
    export("hmac", &["--out", "$D/hmac"]).good();
    let value = fs::read(desk.path("hmac")).unwrap();
    assert_eq!(hex::encode(&openssl::sha::sha1(&value)[..3]), CHECK_VALUE_OF_HMAC);
    export("hmac", &["--out", "$D/hmac"]).bad("cannot make");
    export("aes", &["--out", "$D/aes"]).bad("its attributes hide it");
    export("cert", &["--out", "$D/cert"]).bad("is no private or secret key");
}

#[test]
fn choosing_and_wrong_pins() {
    let desk = desk();
    import(&desk, "tokens", &["--source-pin-file", "$D/pin"]).bad("several such tokens");
    import(&desk, "tokens", &["--token", "none"]).bad("no such token");
    import(&desk, "tokens", &["--token", "office", "--source-pin-file", "$D/wrong"])
        .bad("is wrong");
    import(&desk, "tokens", &["--token", "office", "--source-pin-file", "$D/so"]).bad("is wrong");
    import(&desk, "tokens", &["--token", "office"]).bad("--source-pin-file");
    let second = ["--token", "second", "--source-pin-file", "$D/new", "--json"];
    assert_eq!(counts(&report(&import(&desk, "tokens", &second).good())), [2, 0, 0]);
    // The directory of one token, by its serial number.
    let one = directory(&desk, "database", "second");
    let one = format!("database/{}", name(&one));
    let serial = report(&import(&desk, &one, &["--source-pin-file", "$D/new", "--json"]).good());
    assert_eq!(counts(&serial), [0, 2, 0]);
    let number = serial["from"]["serial"].as_str().unwrap();
    let by_number = ["--serial", number, "--source-pin-file", "$D/new"];
    import(&desk, "tokens", &by_number).good();
    fs::create_dir(desk.path("empty")).unwrap();
    import(&desk, "empty", &[]).bad("holds no SoftHSM2 token");
    import(&desk, "nowhere", &[]).bad("cannot read");
    import(&desk, "pin", &[]).bad("cannot read");
    office(&desk, "tokens", &["--into", "none"]).bad("there is no token 'none'");
}

/// Every way to cut the file of a private key short: it is left behind, or its last attributes were
/// ones that nothing requires.
#[test]
fn half_written_objects_are_left_behind() {
    let desk = desk();
    let (path, whole) = holding(&desk, &attribute(0x122, 3, &32u64.to_be_bytes()));
    let source = name(&path);
    let ends = ends(&whole);
    let required = ends.iter().position(|(id, _)| *id == 0x210).unwrap();
    // Each boundary between attributes, and a byte before each.
    for (number, (id, end)) in ends.iter().enumerate() {
        for end in [*end, *end - 1] {
            fs::write(&path, &whole[..end]).unwrap();
            let ended = office(&desk, "tokens", &["--dry-run", "--json"]);
            let fate = moved(&report(&ended), &source)["fate"].clone();
            let enough = number >= required && end == ends[number].1;
            assert_eq!(fate == "left", !enough, "cut at {end}, in {id:#x}: {ended:?}");
            assert_eq!(ended.code, i32::from(!enough));
        }
    }
    fs::write(&path, b"").unwrap();
    let ended = office(&desk, "tokens", &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("made, and never written"), "{ended:?}");
    assert!(ended.out.contains("12 carried, 0 there already, 1 left behind"), "{ended:?}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(counts(&report(&office(&desk, "tokens", &["--json"]).good())), [1, 12, 0]);
}

/// The number and the end of each attribute in an object file.
fn ends(file: &[u8]) -> Vec<(u64, usize)> {
    let number = |at: usize| u64::from_be_bytes(file[at..at + 8].try_into().unwrap());
    let mut at = 8;
    let mut all = Vec::new();
    while at < file.len() {
        let id = number(at);
        at += 16
            + match number(at + 8) {
                1 => 1,
                2 => 8,
                5 => 8 + 8 * number(at + 16) as usize,
                _ => 8 + number(at + 16) as usize,
            };
        all.push((id, at));
    }
    all
}

#[test]
fn damage_and_strangers_are_named() {
    let desk = desk();
    let (path, whole) = holding(&desk, b"public-note");
    let source = name(&path);
    let long = u64::MAX.to_be_bytes();
    let cases: &[(Vec<u8>, &str)] = &[
        (attribute(0x8000_0001, 9, &[]), "form 0x9"),
        (attribute(0x8000_0001, 3, &long), "ends inside a value"),
        (attribute(0x8000_0001, 5, &long), "ends inside a value"),
        (attribute(0x8000_0001, 4, &long), "ends inside a value"),
        (attribute(0x0, 2, &[0; 8]), "is there twice"),
    ];
    for (more, why) in cases {
        fs::write(&path, [&whole[..], more].concat()).unwrap();
        let ended = office(&desk, "tokens", &["--dry-run", "--json"]);
        let report = report(&ended);
        let said = moved(&report, &source)["why"].as_str().unwrap();
        assert!(said.contains(why), "{said}");
        assert_eq!(counts(&report), [12, 0, 1]);
    }
    // What the token has no place for is dropped and named; the rest is carried.
    let more = [attribute(0x8000_0001, 3, &bytes(b"their own")), attribute(0x103, 1, &[0xff])];
    fs::write(&path, [&whole[..], &more.concat()].concat()).unwrap();
    let ended = office(&desk, "tokens", &[]).good();
    assert!(ended.out.contains("attribute 0x80000001 dropped"), "{ended:?}");
    assert!(ended.out.contains("CKA_SENSITIVE dropped: such objects"), "{ended:?}");
}

/// A key of a type that there is not, a class that there is not, and values under another key.
#[test]
fn what_cannot_be_carried_says_why() {
    let desk = desk();
    let (path, whole) = holding(&desk, b"hmac");
    let source = name(&path);
    let replaced = |id: u64, new: u64| {
        let old = ends(&whole).into_iter().find(|(known, _)| *known == id).unwrap();
        let mut file = whole.clone();
        file[old.1 - 8..old.1].copy_from_slice(&new.to_be_bytes());
        file
    };
    for (file, why) in [
        (replaced(0x100, 0x30), "objects of class 0x4 and key type 0x30 are not supported"),
        (replaced(0x0, 0x9999), "objects of class 0x9999"),
        (replaced(0x161, 31), "the token does not take it"),
    ] {
        fs::write(&path, file).unwrap();
        let ended = office(&desk, "tokens", &["--dry-run", "--json"]);
        assert_eq!(ended.code, 1);
        let report = report(&ended);
        let object = moved(&report, &source);
        assert!(object["why"].as_str().unwrap().contains(why), "{object}");
        assert!(!object["next"].as_str().unwrap().is_empty());
    }
    fs::write(&path, &whole).unwrap();
    // An object of another token: its private values are under that token's key.
    let stranger = directory(&desk, "tokens", "second");
    for entry in fs::read_dir(stranger).unwrap() {
        let from = entry.unwrap().path();
        if name(&from).ends_with(".object") && name(&from) != "token.object" {
            fs::copy(&from, path.with_file_name(name(&from))).unwrap();
        }
    }
    let ended = office(&desk, "tokens", &["--json"]);
    let said = report(&ended);
    assert_eq!(counts(&said), [14, 0, 1], "the public half is not encrypted");
    assert!(ended.out.contains("does not open with the token's key"), "{ended:?}");
}

#[test]
fn damaged_tokens_are_refused_whole() {
    let desk = desk();
    let token = directory(&desk, "tokens", "office").join("token.object");
    let whole = fs::read(&token).unwrap();
    for cut in [0, 1, 40, 100, 200] {
        fs::write(&token, &whole[..cut]).unwrap();
        let ended = office(&desk, "tokens", &[]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.err.contains("next: "), "{ended:?}");
    }
    // Without a PIN record there is nothing private: what is public comes without a PIN.
    let ends = ends(&whole);
    let before = ends[ends.len() - 2].1;
    assert_eq!(ends.last().unwrap().0, 0x8000_534d);
    fs::write(&token, &whole[..before]).unwrap();
    let ended = office(&desk, "tokens", &["--json"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("needs the user PIN"), "{ended:?}");
    // A record of a PIN that nothing opens.
    let record = attribute(0x8000_534d, 3, &bytes(&[7; 71]));
    fs::write(&token, [&whole[..before], &record].concat()).unwrap();
    office(&desk, "tokens", &[]).bad("is damaged");
}

#[test]
fn damaged_databases_are_refused_whole() {
    let desk = desk();
    let database = directory(&desk, "database", "office").join("sqlite3.db");
    let whole = fs::read(&database).unwrap();
    for (content, why) in [
        (whole[..whole.len() / 2].to_vec(), "cannot be read as SoftHSM2 writes it"),
        (b"SQLite format 3\0".to_vec(), "cannot be read as SoftHSM2 writes it"),
        (Vec::new(), "cannot be read as SoftHSM2 writes it"),
    ] {
        fs::write(&database, content).unwrap();
        office(&desk, "database", &[]).bad(why);
    }
    fs::write(&database, &whole).unwrap();
    let journal = database.with_file_name("sqlite3.db-journal");
    fs::write(&journal, b"pending").unwrap();
    office(&desk, "database", &[]).bad("a change that is not finished");
    fs::remove_file(&journal).unwrap();
    office(&desk, "database", &[]).good();
}

const CHECK_VALUE_OF_HMAC: &str = "3c00b5";
