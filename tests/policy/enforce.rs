// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Each dimension of a rule permits and denies, by the C symbols, with policies that were set by the
//! command while the application runs.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{rule, set_policy, strongroom};

const DENIED: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;

/// A token with an EC key pair 'web-1' (id 0a01) on it.
fn web() -> (User, Obj, Obj) {
    let user = User::new();
    let named = template! { CKA_TOKEN => true, CKA_LABEL => "web-1", CKA_ID => vec![0x0a_u8, 1] };
    let (public, private) = keys::pair_with(user.session, &ec::P256, &named, &named);
    (user, public, private)
}

fn sign(s: Session, key: Obj) -> R<()> {
    s.sign(&Mech::plain(CKM_ECDSA_SHA256), key, b"message").map(drop)
}

#[test]
fn each_dimension_permits_and_denies() {
    let (user, _, private) = web();
    let s = user.session;
    let uid = rustix::process::geteuid().as_raw();
    let other = format!("principals = {{ uids = [{}] }}", uid + 1);
    let own = format!("principals = {{ uids = [{}, {uid}] }}", uid + 1);
    for (lines, permitted) in [
        ("", true),
        ("operations = [\"sign\"]", true),
        ("operations = [\"verify\", \"derive\"]", false),
        ("mechanisms = [\"CKM_ECDSA*\"]", true),
        ("mechanisms = [\"CKM_ECDSA\"]", false),
        ("principals = { roles = [\"user\"] }", true),
        ("principals = { roles = [\"operator\"] }", true),
        ("principals = { roles = [\"so\", \"public\", \"custodian\"] }", false),
        ("principals = { users = [\"alice\"] }", false),
        (own.as_str(), true),
        (other.as_str(), false),
        ("min-strength = 128", true),
        ("min-strength = 129", false),
        ("match = { label = \"web-?\" }", true),
        ("match = { label = \"db-*\" }", false),
        ("match = { id = \"0a*\" }", true),
        ("match = { id = \"0b*\" }", false),
        ("match = { class = \"private\", key-type = \"ec\" }", true),
        ("match = { class = \"public\" }", false),
        ("match = { key-type = \"rsa\" }", false),
        ("match = { owner = \"?*\" }", false),
        // One of the two is now, whenever the test runs.
        (
            "hours = { days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"], \
          from = \"00:00\", to = \"23:59\", zone = \"UTC\" }",
            true,
        ),
    ] {
        set_policy(&user.fixture, &format!("default = \"deny\"\n{}", rule("r", lines)));
        let what = format!("under {lines}");
        match permitted {
            true => sign(s, private).good_for(&what),
            false => sign(s, private).gives_for(&what, &[DENIED]),
        }
    }
}

#[test]
fn hours_are_the_clock_s() {
    let (user, _, private) = web();
    let s = user.session;
    // The hour that was, and the hour that is and the next two: a test takes less than an hour.
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = seconds.as_secs() / 3_600;
    let rule_of = |from: u64, to: u64| {
        let (from, to) = (from % 24, to % 24);
        rule("r", &format!("hours = {{ from = \"{from:02}:00\", to = \"{to:02}:00\" }}"))
    };
    set_policy(&user.fixture, &rule_of(hour, hour + 3));
    sign(s, private).good();
    set_policy(&user.fixture, &rule_of(hour + 6, hour + 9));
    sign(s, private).gives(DENIED);
}

#[test]
fn a_key_that_no_rule_is_about_falls_to_the_default() {
    let (user, _, private) = web();
    let s = user.session;
    let other = rule("r", "match = { label = \"db-*\" }\noperations = [\"verify\"]");
    set_policy(&user.fixture, &other);
    sign(s, private).good();
    set_policy(&user.fixture, &format!("default = \"deny\"\n{other}"));
    sign(s, private).gives(DENIED);
    // What is no key is not the policy's.
    let data = template! { CKA_CLASS => CKO_DATA, CKA_LABEL => "data" };
    let data = s.create(&data).good();
    s.destroy(data).good();
}

#[test]
fn the_first_rule_that_permits_all_of_it_decides() {
    let (user, public, private) = web();
    let s = user.session;
    let first = rule("first", "operations = [\"sign\"]\nmechanisms = [\"CKM_ECDSA\"]");
    let second = rule("second", "operations = [\"sign\"]\ntotal = 2");
    set_policy(&user.fixture, &format!("{first}{second}"));
    let raw = Mech::plain(CKM_ECDSA);
    for _ in 0..5 {
        s.sign(&raw, private, &[7; 32]).good_for("the first rule counts nothing");
    }
    sign(s, private).good();
    sign(s, private).good();
    sign(s, private).gives(DENIED);
    s.sign(&raw, private, &[7; 32]).good();
    s.start(Kind::Verify, &raw, Some(public)).gives(DENIED);
}

#[test]
fn a_process_of_messages_asks_for_each() {
    let (user, _, private) = web();
    let s = user.session;
    set_policy(&user.fixture, &rule("r", "operations = [\"sign\"]\ntotal = 3"));
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    s.many(message::Many::Sign, Some(&mech), Some(private)).good();
    for _ in 0..3 {
        assert_eq!(s.sign_message(b"text", Room::Null).length, 64, "a length costs nothing");
        s.sign_message(b"text", Room::Bytes(64)).taken().good();
    }
    s.sign_message(b"text", Room::Bytes(64)).taken().gives(DENIED);
    s.message_begin(message::Many::Sign).gives(DENIED);
    s.many_final(message::Many::Sign).good();
    // And a policy that permits it no more is heard by a process that was begun before.
    set_policy(&user.fixture, &rule("r", "operations = [\"sign\"]\ntotal = 4"));
    s.many(message::Many::Sign, Some(&mech), Some(private)).good();
    set_policy(&user.fixture, &rule("r", "operations = [\"verify\"]"));
    s.sign_message(b"text", Room::Bytes(64)).taken().gives(DENIED);
}

#[test]
fn what_waits_for_approval_is_denied_until_then() {
    let user = User::new();
    let s = user.session;
    let more = keys::open().with(CKA_LABEL, "k");
    let (by, key) = (keys::aes(s, 32), keys::aes_with(s, 16, &more));
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    s.wrap(&mech, by, key).good();
    let waits = "approvals = { count = 1, operations = [\"export\"] }\ntotal = 5";
    set_policy(&user.fixture, &rule("r", &format!("match = {{ label = \"k\" }}\n{waits}")));
    for _ in 0..9 {
        s.wrap(&mech, by, key).gives(CKR_KEY_NOT_WRAPPABLE);
    }
    let ecb = Mech::plain(CKM_AES_ECB);
    for _ in 0..5 {
        s.encrypt(&ecb, key, &[0; 16]).good_for("what waited was not counted");
    }
    s.encrypt(&ecb, key, &[0; 16]).gives(DENIED);
}

#[test]
fn a_key_stays_under_its_rules() {
    let (user, _, private) = web();
    let s = user.session;
    let web = rule("web", "match = { label = \"web-*\" }");
    let free = rule("free", "match = { label = \"free-*\" }\noperations = [\"copy\", \"change\"]");
    set_policy(&user.fixture, &format!("{web}{free}"));
    let label = |label: &str| template! { CKA_LABEL => label };
    s.set(private, &label("web-2")).good();
    s.set(private, &label("other")).gives(CKR_ACTION_PROHIBITED);
    s.set(private, &label("free-1")).gives(CKR_ACTION_PROHIBITED);
    s.copy(private, &label("web-3")).good();
    s.copy(private, &label("other")).gives(CKR_ACTION_PROHIBITED);
    // Where uses are counted a copy would have uses of its own.
    set_policy(&user.fixture, &rule("web", "match = { label = \"web-*\" }\ntotal = 100"));
    s.copy(private, &label("web-4")).gives(CKR_ACTION_PROHIBITED);
    s.set(private, &label("web-5")).good();
}

#[test]
fn a_policy_is_the_security_officer_s_and_holds_after_a_restart() {
    let (mut user, _, private) = web();
    let file = user.fixture.directory().join("policy.toml");
    std::fs::write(&file, "version = 1\n").unwrap();
    let wrong = ["policy", "set", file.to_str().unwrap(), "--so-pin-env", "USER"];
    let wrong = strongroom(&user.fixture, &wrong);
    assert_eq!(wrong.status.code(), Some(1), "{}", child::everything(&wrong));
    sign(user.session, private).good();
    set_policy(&user.fixture, &rule("r", "operations = [\"verify\"]"));
    user.restart();
    let s = user.session;
    let private = s.find(&template! { CKA_CLASS => CKO_PRIVATE_KEY }).good()[0];
    sign(s, private).gives(DENIED);
}

#[test]
fn a_token_that_is_made_anew_has_no_policy() {
    let (user, _, _) = web();
    set_policy(&user.fixture, &format!("default = \"deny\"\n{}", rule("r", "total = 1")));
    session::close_all(user.token.slot).good();
    session::init_token(user.token.slot, SO_PIN, "again").good();
    let so = user.token.so();
    so.init_pin(USER_PIN).good();
    so.logout().good();
    let s = user.token.user();
    let (_, private) = keys::pair(s, &ec::P256);
    sign(s, private).good();
    let check = strongroom(&user.fixture, &["check"]);
    assert!(check.status.success(), "{}", child::everything(&check));
}
