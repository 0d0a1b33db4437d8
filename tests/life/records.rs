// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records that an earlier version made, and ones that a later version might.

use strongroom::object::{self, Life, Object, Reading, State};
use strongroom::policy::{Use, life};
use strongroom::vendor::*;

use crate::common::*;

/// A record as docs/store-format.md has it: numbers (form 2) and bytes (form 3) behind their types.
fn record(
    numbers: &[(CK_ATTRIBUTE_TYPE, CK_ULONG)],
    bytes: &[(CK_ATTRIBUTE_TYPE, &str)],
) -> Object {
    let mut all: Vec<(u64, Vec<u8>)> = Vec::new();
    for (kind, value) in numbers {
        all.push((*kind as u64, [&[2][..], &(*value as u64).to_be_bytes()].concat()));
    }
    for (kind, value) in bytes {
        let len = (value.len() as u32).to_be_bytes();
        all.push((*kind as u64, [&[3][..], &len, value.as_bytes()].concat()));
    }
    let mut record = vec![1];
    record.extend((all.len() as u32).to_be_bytes());
    for (kind, value) in all {
        record.extend(kind.to_be_bytes());
        record.extend(value);
    }
    Object::new(object::decode(&record).unwrap())
}

const KEY: [(CK_ATTRIBUTE_TYPE, CK_ULONG); 2] =
    [(CKA_CLASS, CKO_SECRET_KEY), (CKA_KEY_TYPE, CKK_AES)];

fn read(object: &Object, kind: CK_ATTRIBUTE_TYPE) -> Option<Vec<u8>> {
    match object.read(kind) {
        Reading::Value(value) => Some(value.canonical()),
        _ => None,
    }
}

#[test]
fn a_key_of_an_earlier_version_is_active_and_nobodys() {
    let key = record(&KEY, &[]);
    assert_eq!(
        *key.life(),
        Life { state: State::Active, reasoned: false, from: None, until: None }
    );
    assert_eq!(read(&key, CKA_STRONGROOM_STATE), Some(2_u64.to_be_bytes().to_vec()));
    assert_eq!(read(&key, CKA_STRONGROOM_ROTATION_PERIOD), Some(vec![0; 8]));
    for kind in [
        CKA_STRONGROOM_STATE_SINCE,
        CKA_STRONGROOM_STATE_BY,
        CKA_STRONGROOM_STATE_REASON,
        CKA_STRONGROOM_MADE,
        CKA_STRONGROOM_OWNER,
        CKA_STRONGROOM_PURPOSE,
        CKA_STRONGROOM_LABELS,
    ] {
        assert_eq!(read(&key, kind), Some(Vec::new()), "{kind:#x}");
    }
}

/// Dates were recorded before they were kept.
#[test]
fn its_dates_are_kept_from_now_on() {
    let key = record(&KEY, &[(CKA_START_DATE, "20200101"), (CKA_END_DATE, "20201231")]);
    let day = |date: &[u8]| strongroom::codec::day_of_date(date).unwrap();
    let may = |usage, date: &[u8]| life::permit(&key, usage, day(date)).is_ok();
    assert!(may(Use::Sign, b"20200101") && may(Use::Sign, b"20201231"));
    assert!(!may(Use::Sign, b"20191231") && !may(Use::Sign, b"20210101"));
    assert!(!may(Use::Verify, b"20191231") && may(Use::Verify, b"20210101"));
}

#[test]
fn a_state_that_this_version_does_not_know_permits_nothing() {
    let key = record(&[KEY[0], KEY[1], (CKA_STRONGROOM_STATE, 77)], &[]);
    for usage in Use::ALL {
        assert!(life::permit(&key, usage, 20_000).is_err(), "{usage:?}");
    }
}
