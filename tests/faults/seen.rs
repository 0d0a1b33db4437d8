// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What another process did holds here at the next call that begins something.

use crate::common::operation::Kind;
use crate::common::*;
use crate::place::{OTHER_PIN, cheap_token};
use crate::{check, child_on, library, strongroom};

/// What another process does, by the command; and what the next call gives here.
type Seen = (&'static str, &'static [&'static str], fn(Session) -> CK_RV, CK_RV);

fn starts(s: Session, label: &str, kind: Kind) -> CK_RV {
    match s.find(&template! { CKA_LABEL => label }).good().first() {
        None => CKR_OBJECT_HANDLE_INVALID,
        Some(key) => {
            let code = s.start(kind, &Mech::plain(CKM_AES_CMAC), Some(*key)).code();
            let _ = s.cancel(CKF_SIGN | CKF_VERIFY);
            code
        }
    }
}

const PIN: [&str; 2] = ["--pin-file", "$D/pin"];

const SEEN: &[Seen] = &[
    ("nothing", &["check"], |s| starts(s, "box", Kind::Sign), CKR_OK),
    (
        "suspend",
        &["key", "suspend", "--label", "box", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    (
        "resume",
        &["key", "resume", "--label", "box", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_OK,
    ),
    (
        "dates",
        &["key", "set", "--label", "box", "--end-date", "2020-01-01", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    (
        "no dates",
        &["key", "set", "--label", "box", "--end-date", "none", PIN[0], PIN[1]],
        |s| starts(s, "box", Kind::Sign),
        CKR_OK,
    ),
    (
        "generate",
        &[
            "key",
            "generate",
            "--type",
            "aes",
            "--label",
            "new",
            "--usage",
            "sign,verify",
            PIN[0],
            PIN[1],
        ],
        |s| starts(s, "new", Kind::Sign),
        CKR_OK,
    ),
    (
        "destroy",
        &["key", "destroy", "--label", "new", "--yes", "--reason", "test", PIN[0], PIN[1]],
        |s| starts(s, "new", Kind::Sign),
        CKR_OBJECT_HANDLE_INVALID,
    ),
    (
        "policy",
        &["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"],
        |s| starts(s, "box", Kind::Sign),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
    ),
    ("policy, of another use", &["check"], |s| starts(s, "box", Kind::Verify), CKR_OK),
    (
        "the user's PIN",
        &["pin", "change", "--pin-file", "$D/pin", "--new-pin-file", "$D/other"],
        |s| {
            s.logout().good();
            s.login(CKU_USER, USER_PIN).code()
        },
        CKR_PIN_INCORRECT,
    ),
];

#[test]
fn what_another_process_did_holds_at_the_next_call() {
    let fixture = prepared("operations = [\"verify\"]");
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let usages =
        template! { CKA_TOKEN => true, CKA_LABEL => "box", CKA_SIGN => true, CKA_VERIFY => true };
    keys::aes_with(s, 32, &usages);
    for (what, arguments, look, expected) in SEEN {
        look(s);
        strongroom(&fixture, arguments);
        assert_eq!(names::of(look(s)), names::of(*expected), "{what}");
    }
}

/// A store with a token, PINs in files, and a policy of one rule.
fn prepared(rule: &str) -> Fixture {
    let fixture = Fixture::prepared("");
    cheap_token(&fixture.store_path());
    let policy = format!("version = 1\n[[rule]]\nname = \"rule\"\n{rule}\n");
    let content =
        [("so", SO_PIN), ("pin", USER_PIN), ("other", OTHER_PIN), ("policy.toml", policy.as_str())];
    for (name, text) in content {
        std::fs::write(fixture.directory().join(name), text).unwrap();
    }
    fixture
}

/// What becomes of the login of a named user.
const SEEN_BY_ANN: &[Seen] = &[
    (
        "another user",
        &["user", "remove", "bob", "--so-pin-file", "$D/so"],
        |s| starts(s, "box", Kind::Sign),
        CKR_OK,
    ),
    (
        "removed",
        &["user", "remove", "ann", "--so-pin-file", "$D/so"],
        |s| s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes()).code(),
        CKR_USER_NOT_LOGGED_IN,
    ),
    ("and after", &["check"], |s| starts(s, "box", Kind::Sign), CKR_OBJECT_HANDLE_INVALID),
    (
        "of the name alone",
        &["user", "add", "ann", "--role", "operator", SO[0], SO[1], "--new-pin-file", "$D/other"],
        |s| starts(s, "box", Kind::Sign),
        CKR_OBJECT_HANDLE_INVALID,
    ),
    (
        "logged in anew",
        &["check"],
        |s| {
            let _ = s.login_user(CKU_USER, OTHER_PIN, "ann");
            starts(s, "box", Kind::Sign)
        },
        CKR_OK,
    ),
];

const SO: [&str; 2] = ["--so-pin-file", "$D/so"];

fn aes() -> Template {
    template! { CKA_VALUE_LEN => 32 as CK_ULONG, CKA_PRIVATE => true }
}

#[test]
fn a_login_is_void_when_its_user_is_removed() {
    let fixture = prepared("");
    for user in ["ann", "bob"] {
        let add = ["user", "add", user, "--role", "operator", SO[0], SO[1]];
        strongroom(&fixture, &[&add[..], &["--new-pin-file", "$D/other"]].concat());
    }
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let usages =
        template! { CKA_TOKEN => true, CKA_LABEL => "box", CKA_SIGN => true, CKA_VERIFY => true };
    keys::aes_with(s, 32, &usages);
    s.logout().good();
    s.login_user(CKU_USER, OTHER_PIN, "ann").good();
    for (what, arguments, look, expected) in SEEN_BY_ANN {
        if *what != "logged in anew" {
            look(s);
        }
        strongroom(&fixture, arguments);
        assert_eq!(names::of(look(s)), names::of(*expected), "{what}");
    }
}

/// Another process makes the token anew: nobody here works with what was in it, nor is anything written
/// into what is in its place.
#[test]
fn a_login_is_void_when_its_token_is_made_anew() {
    let test = "seen::a_login_is_void_when_its_token_is_made_anew";
    if child::role().is_some() {
        initialize_child().good();
        return session::init_token(0, SO_PIN, "anew").good();
    }
    let fixture = prepared("");
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "box" });
    let ecb = Mech::plain(CKM_AES_ECB);
    s.encrypt(&ecb, key, &[0; 16]).good();
    child::succeeds(child_on(&fixture, test, "maker"));
    // With the token its sessions are gone, which outranks that it was removed (section 5.1.2).
    s.encrypt(&ecb, key, &[0; 16]).map(drop).gives(CKR_SESSION_HANDLE_INVALID);
    s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true })
        .map(drop)
        .gives(CKR_SESSION_HANDLE_INVALID);
    s.find(&Template::default()).map(drop).gives(CKR_SESSION_HANDLE_INVALID);
    s.close().gives(CKR_SESSION_HANDLE_INVALID);
    let s = Session::read_write(0).good();
    s.login(CKU_USER, USER_PIN).gives(CKR_USER_PIN_NOT_INITIALIZED);
    assert!(s.find(&Template::default()).good().is_empty());
    session::finalize().good();
    check(&fixture, "at the end");
}

/// What is asked of a slot is told of the token that is in it, whichever call is the first to notice that
/// another process made it anew; the sessions with the one before are gone.
#[test]
fn a_slot_tells_of_the_token_that_is_there() {
    let test = "seen::a_slot_tells_of_the_token_that_is_there";
    if child::role().is_some() {
        initialize_child().good();
        return session::init_token(0, SO_PIN, "anew").good();
    }
    let fixture = prepared("");
    fixture.initialize().good();
    let sessions = || session::token_info(0).map(|info| info.ulSessionCount);
    let list = || session::mechanisms(0).map(|list| list.len() as CK_ULONG);
    let info = || session::mechanism_info(0, CKM_AES_ECB).map(|info| info.ulMaxKeySize);
    let asked: [(&str, &dyn Fn() -> R<CK_ULONG>); 3] = [
        ("C_GetMechanismList", &list),
        ("C_GetMechanismInfo", &info),
        ("C_GetTokenInfo", &sessions),
    ];
    let told = [list(), info(), sessions()];
    for ((what, ask), tells) in asked.into_iter().zip(told) {
        let s = Token { slot: 0 }.public();
        assert_eq!(sessions(), Ok(1));
        child::succeeds(child_on(&fixture, test, "maker"));
        assert_eq!(ask(), tells, "{what}");
        assert_eq!(sessions(), Ok(0), "{what}");
        s.find(&Template::default()).map(drop).gives_for(what, &[CKR_SESSION_HANDLE_INVALID]);
        s.close().gives_for(what, &[CKR_SESSION_HANDLE_INVALID]);
        Token { slot: 0 }.public().close().good_for(what);
        let label = session::token_info(0).good().label;
        assert_eq!(label, session::padded("anew"), "{what}");
    }
    session::finalize().good();
    check(&fixture, "at the end");
}

/// Hours from now, and how many of the uses of an hour there are then.
const CLOCKS: &[(i64, usize)] = &[
    (0, 3),
    (-24, 0),
    (-8_760, 0),
    (0, 0),
    (1, 3),
    (0, 0),
    (1, 0),
    (8_760, 3),
    (24, 0),
    (8_761, 3),
];

/// A clock that is set back and forth yields no more uses than the hours that it ever reached.
#[test]
fn a_rate_outlasts_a_clock_that_moves() {
    let test = "seen::a_rate_outlasts_a_clock_that_moves";
    if child::role().is_some() {
        return use_under_a_moving_clock();
    }
    let fixture = prepared("rate = { count = 3, per = \"1h\" }");
    fixture.initialize().good();
    let s = Token { slot: 0 }.user();
    let usages = template! { CKA_TOKEN => true, CKA_LABEL => "box", CKA_SIGN => true };
    keys::aes_with(s, 32, &usages);
    session::finalize().good();
    strongroom(&fixture, &["policy", "set", "$D/policy.toml", SO[0], SO[1]]);
    child::succeeds(library::before(child_on(&fixture, test, "child")));
    check(&fixture, "after all");
}

fn use_under_a_moving_clock() {
    // The middle of an hour: the test itself takes less than the other half.
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let middle = 1_800 - since % 3_600;
    library::clock(middle);
    let s = crate::join();
    for (hours, uses) in CLOCKS {
        library::clock(middle + hours * 3_600);
        for _ in 0..*uses {
            assert_eq!(starts(s, "box", Kind::Sign), CKR_OK, "{hours} hours from now");
        }
        let refused = names::of(starts(s, "box", Kind::Sign));
        assert_eq!(refused, "CKR_KEY_FUNCTION_NOT_PERMITTED", "{hours} hours from now");
    }
}
