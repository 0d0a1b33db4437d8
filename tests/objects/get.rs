// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_GetAttributeValue answers every row, whatever becomes of the others.

use crate::common::object::Got;
use crate::common::*;
use crate::data;
use std::ptr;

const UNAVAILABLE: CK_ULONG = CK_UNAVAILABLE_INFORMATION;

#[test]
fn lengths_then_values() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let kinds = [CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_APPLICATION, CKA_TOKEN];
    let (rv, got) = s.get_many(object, &kinds.map(|kind| (kind, None)));
    rv.good();
    let lengths: Vec<CK_ULONG> = got.iter().map(|row| row.length).collect();
    assert_eq!(lengths, [8, 4, 5, 0, 1]);
    let (rv, got) = s.get_many(object, &kinds.map(|kind| (kind, Some(20))));
    rv.good();
    assert_eq!(got[1], answer(b"data", 20));
    assert_eq!(got[2], answer(b"value", 20));
    assert_eq!(got[3], answer(b"", 20));
    assert_eq!(got[0], answer(&CKO_DATA.to_ne_bytes(), 20));
}

#[test]
fn each_row_is_answered_when_one_is_too_small() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let (rv, got) =
        s.get_many(object, &[(CKA_LABEL, Some(3)), (CKA_VALUE, Some(5)), (CKA_CLASS, None)]);
    rv.gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(got[0], Got { length: UNAVAILABLE, value: vec![0xA5; 3] });
    assert_eq!(got[1], answer(b"value", 5));
    assert_eq!(got[2].length, 8);
}

#[test]
fn each_row_is_answered_when_one_is_unknown() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    for unknown in [CKA_MODULUS, CKA_SENSITIVE, 0x7FFF_0001, HUGE] {
        let asked =
            [(CKA_LABEL, Some(9)), (unknown, Some(9)), (unknown, None), (CKA_VALUE, Some(9))];
        let (rv, got) = s.get_many(object, &asked);
        rv.gives(CKR_ATTRIBUTE_TYPE_INVALID);
        assert_eq!(got[0], answer(b"data", 9));
        assert_eq!(got[1], Got { length: UNAVAILABLE, value: vec![0xA5; 9] });
        assert_eq!(got[2].length, UNAVAILABLE);
        assert_eq!(got[3], answer(b"value", 9));
    }
}

#[test]
fn each_row_is_answered_when_one_is_sensitive() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_LABEL => "secret" });
    let asked =
        [(CKA_VALUE, Some(64)), (CKA_VALUE, None), (CKA_LABEL, Some(6)), (CKA_VALUE_LEN, Some(8))];
    let (rv, got) = s.get_many(key, &asked);
    rv.gives(CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(got[0], Got { length: UNAVAILABLE, value: vec![0xA5; 64] });
    assert_eq!(got[1].length, UNAVAILABLE);
    assert_eq!(got[2], answer(b"secret", 6));
    assert_eq!(got[3], answer(&CK_ULONG::to_ne_bytes(32), 8));
}

#[test]
fn several_troubles_give_one_of_their_codes() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &template! { CKA_LABEL => "secret" });
    let asked = [
        (CKA_VALUE, Some(64)),
        (CKA_LABEL, Some(1)),
        (CKA_MODULUS, Some(1)),
        (CKA_VALUE_LEN, Some(8)),
    ];
    let (rv, got) = s.get_many(key, &asked);
    rv.gives_one_of(&[CKR_ATTRIBUTE_SENSITIVE, CKR_BUFFER_TOO_SMALL, CKR_ATTRIBUTE_TYPE_INVALID]);
    let lengths: Vec<CK_ULONG> = got.iter().map(|row| row.length).collect();
    assert_eq!(lengths, [UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, 8]);
}

#[test]
fn the_same_attribute_twice() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let (rv, got) =
        s.get_many(object, &[(CKA_LABEL, Some(4)), (CKA_LABEL, Some(9)), (CKA_LABEL, None)]);
    rv.good();
    assert_eq!(got[0], answer(b"data", 4));
    assert_eq!(got[1], answer(b"data", 9));
    assert_eq!(got[2].length, 4);
}

#[test]
fn nothing_asked() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let null = ptr::null_mut();
    let nothing = outcome(p11!(C_GetAttributeValue(s.0, object.0, null, 0)));
    nothing.gives_one_of(&[CKR_OK, CKR_ARGUMENTS_BAD]);
    for count in [1, 7, HUGE] {
        outcome(p11!(C_GetAttributeValue(s.0, object.0, null, count))).gives(CKR_ARGUMENTS_BAD);
    }
}

#[test]
fn lengths_that_no_buffer_has() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let mut room = [0_u8; 16];
    for length in [HUGE, HUGE / 2 + 1] {
        let mut row =
            CK_ATTRIBUTE { type_: CKA_LABEL, pValue: room.as_mut_ptr().cast(), ulValueLen: length };
        let got = outcome(p11!(C_GetAttributeValue(s.0, object.0, &mut row, 1)));
        got.gives_one_of(&[CKR_OK, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL]);
        let mut row =
            CK_ATTRIBUTE { type_: CKA_LABEL, pValue: ptr::null_mut(), ulValueLen: length };
        outcome(p11!(C_GetAttributeValue(s.0, object.0, &mut row, 1))).good();
        assert_eq!(row.ulValueLen, 4, "a length query minds no length");
    }
}

#[test]
fn objects_that_are_not_there() {
    let user = User::new();
    let s = user.session;
    for handle in [Obj(0), Obj(1 << 40), Obj(HUGE), Obj(s.0 << 20)] {
        s.get(handle, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
        s.size(handle).gives(CKR_OBJECT_HANDLE_INVALID);
        s.destroy(handle).gives(CKR_OBJECT_HANDLE_INVALID);
    }
}

fn answer(value: &[u8], room: usize) -> Got {
    let mut whole = vec![0xA5; room];
    whole[..value.len()].copy_from_slice(value);
    Got { length: value.len() as CK_ULONG, value: whole }
}
