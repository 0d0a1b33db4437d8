// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Changes of state by `C_SetAttributeValue`, and the metadata beside it.

use crate::common::*;
use crate::{in_state, put};
use strongroom::vendor::*;

const STATES: [CK_ULONG; 5] = [
    STRONGROOM_STATE_PRE_ACTIVE,
    STRONGROOM_STATE_ACTIVE,
    STRONGROOM_STATE_SUSPENDED,
    STRONGROOM_STATE_DEACTIVATED,
    STRONGROOM_STATE_COMPROMISED,
];

/// A fresh key brought into a state.
fn key_in(s: Session, state: CK_ULONG, more: &Template) -> Obj {
    if state == STRONGROOM_STATE_PRE_ACTIVE {
        return keys::aes_with(s, 32, &in_state(state).and(more));
    }
    let key = keys::aes_with(s, 32, more);
    if state != STRONGROOM_STATE_ACTIVE {
        put(s, key, state, "test").good();
    }
    key
}

#[test]
fn the_table_decides_which_changes_are_made() {
    let user = User::new();
    let s = user.session;
    // From (rows) to (columns) as in tests/life/table.rs; to destroyed there is another function.
    let table = ["-X--X-", "--XXX-", "-X-XX-", "----X-", "------"];
    for (from, row) in STATES.into_iter().zip(table) {
        for (to, mark) in (1..=6).zip(row.chars()) {
            let key = key_in(s, from, &Template::default());
            let want = if mark == 'X' { CKR_OK } else { CKR_ATTRIBUTE_VALUE_INVALID };
            put(s, key, to, "again").gives_for(&format!("from {from} to {to}"), &[want]);
            let now = if mark == 'X' { to } else { from };
            assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(now));
        }
    }
    for wrong in [0, 7, CK_UNAVAILABLE_INFORMATION] {
        let key = keys::aes(s, 32);
        s.set(key, &in_state(wrong)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn a_key_is_born_pre_active_or_active() {
    let user = User::new();
    let s = user.session;
    for state in 0..=7 {
        let born = [STRONGROOM_STATE_PRE_ACTIVE, STRONGROOM_STATE_ACTIVE].contains(&state);
        let want = if born { CKR_OK } else { CKR_ATTRIBUTE_VALUE_INVALID };
        let template = in_state(state).with(CKA_VALUE_LEN, 32 as CK_ULONG);
        s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).gives(want);
        keys::try_secret(s, CKK_AES, &[1; 16], &in_state(state)).gives(want);
    }
    for kind in [
        CKA_STRONGROOM_STATE_SINCE,
        CKA_STRONGROOM_STATE_BY,
        CKA_STRONGROOM_STATE_REASON,
        CKA_STRONGROOM_MADE,
    ] {
        let said = template! { kind => "2026010100000000" };
        keys::try_secret(s, CKK_AES, &[1; 16], &said).gives(CKR_ATTRIBUTE_READ_ONLY);
        let key = keys::aes(s, 16);
        if kind != CKA_STRONGROOM_STATE_REASON {
            s.set(key, &said).gives(CKR_ATTRIBUTE_READ_ONLY);
        }
        s.copy(key, &said).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn when_by_whom_and_why_is_recorded() {
    let mut user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true, CKA_LABEL => "key" });
    for kind in [CKA_STRONGROOM_STATE_SINCE, CKA_STRONGROOM_STATE_BY, CKA_STRONGROOM_STATE_REASON] {
        assert_eq!(s.get(key, kind).good(), b"");
    }
    let made = s.get(key, CKA_STRONGROOM_MADE).good();
    put(s, key, STRONGROOM_STATE_SUSPENDED, "on leave").good();
    user.restart();
    let s = user.session;
    let key = s.find(&template! { CKA_LABEL => "key" }).good()[0];
    assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_SUSPENDED));
    assert_eq!(s.get(key, CKA_STRONGROOM_STATE_REASON).good(), b"on leave");
    // SAFETY: it has no precondition and cannot fail.
    let who = format!("user, uid {}", unsafe { libc::getuid() });
    assert_eq!(s.get(key, CKA_STRONGROOM_STATE_BY).good(), who.as_bytes());
    let since = s.get(key, CKA_STRONGROOM_STATE_SINCE).good();
    assert_eq!((since.len(), &since[14..]), (16, &b"00"[..]));
    assert!(since.iter().all(u8::is_ascii_digit) && since >= made);
    assert_eq!(s.get(key, CKA_STRONGROOM_MADE).good(), made);
    // The reason of a change is that change's alone.
    s.set(key, &in_state(STRONGROOM_STATE_ACTIVE)).good();
    assert_eq!(s.get(key, CKA_STRONGROOM_STATE_REASON).good(), b"");
    let reason = template! { CKA_STRONGROOM_STATE_REASON => "for once" };
    s.set(key, &reason).gives(CKR_TEMPLATE_INCONSISTENT);
    // A key that ends with its session has no such record.
    assert_eq!(s.get(keys::aes(s, 32), CKA_STRONGROOM_MADE).good(), b"");
}

#[test]
fn what_may_not_be_modified_can_be_stopped() {
    let user = User::new();
    let s = user.session;
    let fixed = template! { CKA_MODIFIABLE => false };
    for (from, to, want) in [
        (STRONGROOM_STATE_PRE_ACTIVE, STRONGROOM_STATE_ACTIVE, CKR_ACTION_PROHIBITED),
        (STRONGROOM_STATE_PRE_ACTIVE, STRONGROOM_STATE_COMPROMISED, CKR_OK),
        (STRONGROOM_STATE_ACTIVE, STRONGROOM_STATE_SUSPENDED, CKR_OK),
        (STRONGROOM_STATE_ACTIVE, STRONGROOM_STATE_DEACTIVATED, CKR_OK),
        (STRONGROOM_STATE_SUSPENDED, STRONGROOM_STATE_ACTIVE, CKR_ACTION_PROHIBITED),
        (STRONGROOM_STATE_SUSPENDED, STRONGROOM_STATE_DEACTIVATED, CKR_ACTION_PROHIBITED),
        (STRONGROOM_STATE_SUSPENDED, STRONGROOM_STATE_COMPROMISED, CKR_OK),
        (STRONGROOM_STATE_DEACTIVATED, STRONGROOM_STATE_COMPROMISED, CKR_OK),
    ] {
        let key = key_in(s, from, &fixed);
        put(s, key, to, "why").gives_for(&format!("from {from} to {to}"), &[want]);
    }
    let key = keys::aes_with(s, 32, &fixed);
    let more = in_state(STRONGROOM_STATE_SUSPENDED).with(CKA_LABEL, "renamed");
    s.set(key, &more).gives(CKR_ACTION_PROHIBITED);
    assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_ACTIVE));
}

#[test]
fn a_change_with_others_is_made_whole_or_not_at_all() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let suspend = in_state(STRONGROOM_STATE_SUSPENDED);
    s.set(key, &suspend.clone().with(CKA_LOCAL, true)).gives(CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_ACTIVE));
    s.set(key, &suspend.with(CKA_LABEL, "on leave")).good();
    assert_eq!(s.get(key, CKA_LABEL).good(), b"on leave");
    assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_SUSPENDED));
}

#[test]
fn nobody_without_the_right_changes_a_state() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    let reader = Session::read_only(user.token.slot).good();
    reader.set(key, &in_state(STRONGROOM_STATE_SUSPENDED)).gives(CKR_SESSION_READ_ONLY);
    s.logout().good();
    s.set(key, &in_state(STRONGROOM_STATE_SUSPENDED)).gives(CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn metadata_is_set_and_searched_by() {
    let user = User::new();
    let s = user.session;
    let said = template! {
        CKA_TOKEN => true,
        CKA_STRONGROOM_OWNER => "payments",
        CKA_STRONGROOM_PURPOSE => "receipts",
        CKA_STRONGROOM_LABELS => "env=prod\nteam=blue\n",
        CKA_STRONGROOM_ROTATION_PERIOD => 86_400 as CK_ULONG,
    };
    let one = keys::aes_with(s, 32, &said);
    let other = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    let session = keys::aes_with(s, 32, &said.clone().set(CKA_TOKEN, false));
    let found = |more: &Template| s.find(&template! { CKA_TOKEN => true }.and(more)).good();
    for (wanted, want) in [
        (template! { CKA_STRONGROOM_OWNER => "payments" }, &[one][..]),
        (template! { CKA_STRONGROOM_PURPOSE => "receipts" }, &[one]),
        (template! { CKA_STRONGROOM_OWNER => "payment" }, &[]),
        (template! { CKA_STRONGROOM_OWNER => "" }, &[other]),
        (template! { CKA_STRONGROOM_LABELS => "env=prod" }, &[one]),
        (template! { CKA_STRONGROOM_LABELS => "team=blue\nenv=prod" }, &[one]),
        (template! { CKA_STRONGROOM_LABELS => "env=prod\nteam=red" }, &[]),
        (template! { CKA_STRONGROOM_LABELS => "env=pro" }, &[]),
        (template! { CKA_STRONGROOM_ROTATION_PERIOD => 86_400 as CK_ULONG }, &[one]),
        (template! { CKA_STRONGROOM_ROTATION_PERIOD => 0 as CK_ULONG }, &[other]),
    ] {
        assert_eq!(found(&wanted), want, "{wanted:?}");
    }
    assert_eq!(s.get(one, CKA_STRONGROOM_LABELS).good(), b"env=prod\nteam=blue");
    let labelled = template! { CKA_STRONGROOM_LABELS => "team=blue" };
    let mut both = vec![one, session];
    both.sort();
    assert_eq!(s.find(&labelled).good(), both);
    s.set(one, &template! { CKA_STRONGROOM_LABELS => "", CKA_STRONGROOM_OWNER => "it" }).good();
    assert_eq!(s.find(&labelled).good(), [session]);
    assert_eq!(found(&template! { CKA_STRONGROOM_OWNER => "it" }), [one]);
}

#[test]
fn labels_are_lines_of_key_and_value() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let labels = |text: &[u8]| template! { CKA_STRONGROOM_LABELS => text };
    let many = (0..33).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("\n");
    for wrong in [
        &b"env"[..],
        b"=prod",
        b"a=1\na=2",
        b"a b=1",
        b"a=1\n\nb=2",
        b"a=\x1b[2J",
        b"a=\xff",
        many.as_bytes(),
    ] {
        s.set(key, &labels(wrong)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    for (right, kept) in [
        (&b"b=2\na=1"[..], &b"a=1\nb=2"[..]),
        (b"url=https://example.org/?a=b", b"url=https://example.org/?a=b"),
        (b"empty=", b"empty="),
        (b"", b""),
    ] {
        s.set(key, &labels(right)).good();
        assert_eq!(s.get(key, CKA_STRONGROOM_LABELS).good(), kept);
    }
}
