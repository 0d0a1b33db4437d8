// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of IKE.

use crate::common::vectors::Record;
use crate::common::*;
use crate::derivation::{value, wanted};

const NONE: CK_OBJECT_HANDLE = CK_INVALID_HANDLE;

fn flag(on: bool) -> CK_BBOOL {
    if on { CK_TRUE } else { CK_FALSE }
}

/// The initial key.
pub fn initial(
    prf: CK_MECHANISM_TYPE,
    data_as_key: bool,
    new: Option<Obj>,
    (ni, nr): (&[u8], &[u8]),
) -> Mech {
    let (ni, nr) = (ni.to_vec(), nr.to_vec());
    let parameter = CK_IKE_PRF_DERIVE_PARAMS {
        prfMechanism: prf,
        bDataAsKey: flag(data_as_key),
        bRekey: flag(new.is_some()),
        pNi: bytes(&ni),
        ulNiLen: len(&ni),
        pNr: bytes(&nr),
        ulNrLen: len(&nr),
        hNewKey: new.map_or(NONE, |key| key.0),
    };
    Mech::with(CKM_IKE_PRF_DERIVE, parameter, vec![ni, nr])
}

/// A numbered key of version 1.
pub fn numbered(
    prf: CK_MECHANISM_TYPE,
    agreed: Obj,
    previous: Option<Obj>,
    (ci, cr): (&[u8], &[u8]),
    number: u8,
) -> Mech {
    let (ci, cr) = (ci.to_vec(), cr.to_vec());
    let parameter = CK_IKE1_PRF_DERIVE_PARAMS {
        prfMechanism: prf,
        bHasPrevKey: flag(previous.is_some()),
        hKeygxy: agreed.0,
        hPrevKey: previous.map_or(NONE, |key| key.0),
        pCKYi: bytes(&ci),
        ulCKYiLen: len(&ci),
        pCKYr: bytes(&cr),
        ulCKYrLen: len(&cr),
        keyNumber: number,
    };
    Mech::with(CKM_IKE1_PRF_DERIVE, parameter, vec![ci, cr])
}

/// A longer key of version 1.
pub fn extended(prf: CK_MECHANISM_TYPE, agreed: Option<Obj>, extra: &[u8]) -> Mech {
    let extra = extra.to_vec();
    let parameter = CK_IKE1_EXTENDED_DERIVE_PARAMS {
        prfMechanism: prf,
        bHasKeygxy: flag(agreed.is_some()),
        hKeygxy: agreed.map_or(NONE, |key| key.0),
        pExtraData: bytes(&extra),
        ulExtraDataLen: len(&extra),
    };
    Mech::with(CKM_IKE1_EXTENDED_DERIVE, parameter, vec![extra])
}

/// Keys of version 2.
pub fn plus(prf: CK_MECHANISM_TYPE, seed_key: Option<Obj>, seed: &[u8]) -> Mech {
    let seed = seed.to_vec();
    let parameter = CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
        prfMechanism: prf,
        bHasSeedKey: flag(seed_key.is_some()),
        hSeedKey: seed_key.map_or(NONE, |key| key.0),
        pSeedData: bytes(&seed),
        ulSeedDataLen: len(&seed),
    };
    Mech::with(CKM_IKE2_PRF_PLUS_DERIVE, parameter, vec![seed])
}

fn prf_named(name: &str) -> (CK_MECHANISM_TYPE, CK_KEY_TYPE) {
    match name {
        "sha1" => (CKM_SHA_1_HMAC, CKK_SHA_1_HMAC),
        "sha256" => (CKM_SHA256_HMAC, CKK_SHA256_HMAC),
        other => panic!("unknown function {other}"),
    }
}

/// The mechanism of a record and the key it begins with.
fn of(s: Session, record: &Record) -> (Mech, Obj) {
    let (prf, kind) = prf_named(record.text("hash"));
    let secret = |name: &str| {
        record.has(name).then(|| keys::secret(s, CKK_GENERIC_SECRET, &record.hex(name)))
    };
    let (ni, nr) = (record.hex("ni"), record.hex("nr"));
    let nonces = (&ni[..], &nr[..]);
    let base = |kind| keys::secret(s, kind, &record.hex("key"));
    match record.text("kind") {
        "seed" => (initial(prf, true, None, nonces), secret("agreed").unwrap()),
        "preshared" => (initial(prf, false, None, nonces), base(kind)),
        "renewal" => (initial(prf, false, secret("agreed"), nonces), base(CKK_GENERIC_SECRET)),
        "plus" => (plus(prf, secret("seed_key"), &record.hex("seed")), base(kind)),
        "numbered" => {
            let (ci, cr) = (record.hex("ci"), record.hex("cr"));
            let agreed = secret("agreed").unwrap();
            let number = record.number("number") as u8;
            (numbered(prf, agreed, secret("previous"), (&ci, &cr), number), base(kind))
        }
        "extended" => (extended(prf, secret("agreed"), &record.hex("extra")), base(kind)),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("ike.txt") {
        let place = record.place();
        let derived = record.hex("derived");
        let (mech, base) = of(s, &record);
        let template = wanted(Some(CKK_GENERIC_SECRET), Some(derived.len()));
        assert_eq!(value(s, &mech, base, &template, &place), derived, "{place}");
        let (_, kind) = prf_named(record.text("hash"));
        match mech.kind() {
            CKM_IKE_PRF_DERIVE => {
                let key = s.derive(&mech, base, &keys::open()).good_for(&place);
                assert_eq!(s.get(key, CKA_VALUE).good(), derived, "{place}");
                assert_eq!(s.number(key, CKA_KEY_TYPE).good(), kind, "{place}");
                for length in [1, derived.len() - 1, derived.len() + 1, usize::MAX] {
                    let other = wanted(None, Some(length));
                    s.derive(&mech, base, &other).gives(CKR_KEY_SIZE_RANGE);
                }
            }
            CKM_IKE1_PRF_DERIVE => {
                let whole = wanted(Some(CKK_HKDF), None);
                assert_eq!(value(s, &mech, base, &whole, &place), derived, "{place}");
                let cut = wanted(Some(CKK_AES), Some(16));
                assert_eq!(value(s, &mech, base, &cut, &place), derived[..16], "{place}");
                s.derive(&mech, base, &wanted(None, Some(16))).gives(CKR_TEMPLATE_INCOMPLETE);
                let long = wanted(Some(CKK_GENERIC_SECRET), Some(derived.len() + 1));
                s.derive(&mech, base, &long).gives(CKR_KEY_SIZE_RANGE);
            }
            _ => {
                let length = if kind == CKK_SHA_1_HMAC { 20 } else { 32 };
                let template = wanted(None, Some(derived.len()));
                assert_eq!(value(s, &mech, base, &template, &place), derived, "{place}");
                s.derive(&mech, base, &keys::open()).gives(CKR_TEMPLATE_INCOMPLETE);
                s.derive(&mech, base, &wanted(None, Some(255 * length))).good_for(&place);
                let long = wanted(None, Some(255 * length + 1));
                s.derive(&mech, base, &long).gives(CKR_KEY_SIZE_RANGE);
            }
        }
    }
}

#[test]
fn keys_have_the_types_that_the_sections_name() {
    let user = User::new();
    let s = user.session;
    let generic = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let hmac = keys::secret(s, CKK_SHA256_HMAC, &[1; 32]);
    let aes = keys::secret(s, CKK_AES, &[1; 16]);
    let some = wanted(Some(CKK_GENERIC_SECRET), Some(32));
    let nonces = (&[1u8; 16][..], &[2u8; 16][..]);
    let derive = |mech: Mech, base| s.derive(&mech, base, &some).map(drop);
    let wrong = CKR_KEY_TYPE_INCONSISTENT;
    derive(initial(CKM_SHA256_HMAC, true, None, nonces), hmac).gives(wrong);
    derive(initial(CKM_SHA256_HMAC, true, Some(generic), nonces), generic).gives(CKR_ARGUMENTS_BAD);
    derive(initial(CKM_SHA256_HMAC, false, Some(aes), nonces), hmac).gives(wrong);
    derive(initial(CKM_SHA256_HMAC, false, None, nonces), aes).gives(wrong);
    derive(numbered(CKM_SHA256_HMAC, aes, None, nonces, 0), hmac).gives(wrong);
    derive(numbered(CKM_SHA256_HMAC, generic, Some(aes), nonces, 0), hmac).good();
    derive(numbered(CKM_SHA256_HMAC, generic, None, nonces, 0), aes).gives(wrong);
    derive(extended(CKM_SHA256_HMAC, Some(aes), b""), hmac).gives(wrong);
    derive(extended(CKM_SHA256_HMAC, None, b""), aes).gives(wrong);
    derive(plus(CKM_SHA256_HMAC, Some(aes), b""), hmac).good();
    derive(plus(CKM_SHA256_HMAC, None, b"seed"), aes).gives(wrong);
    derive(plus(CKM_AES_CMAC, None, b"seed"), aes).good();
    for prf in [CKM_SHA256, CKM_AES_ECB, 0, HUGE] {
        derive(plus(prf, None, b"seed"), hmac).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    for handle in [0, 0x7777_7777, HUGE] {
        let no_key = Some(Obj(handle));
        derive(plus(CKM_SHA256_HMAC, no_key, b""), hmac).gives(CKR_KEY_HANDLE_INVALID);
        derive(extended(CKM_SHA256_HMAC, no_key, b""), hmac).gives(CKR_KEY_HANDLE_INVALID);
        let mech = numbered(CKM_SHA256_HMAC, Obj(handle), None, nonces, 0);
        derive(mech, hmac).gives(CKR_KEY_HANDLE_INVALID);
        derive(initial(CKM_SHA256_HMAC, false, no_key, nonces), hmac).gives(CKR_KEY_HANDLE_INVALID);
    }
    // The base key itself, cut: as well guarded as it was.
    let hidden = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false };
    let hidden = keys::try_secret(s, CKK_SHA256_HMAC, &[1; 32], &hidden).good();
    derive(extended(CKM_SHA256_HMAC, None, b""), hidden).gives(CKR_TEMPLATE_INCONSISTENT);
    let short = keys::secret(s, CKK_SHA256_HMAC, &[1; 8]);
    derive(extended(CKM_SHA256_HMAC, None, b""), short).gives(CKR_KEY_SIZE_RANGE);
}

#[test]
fn pointers_and_flags_are_checked() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let some = wanted(Some(CKK_GENERIC_SECRET), Some(32));
    let refused = |mech: Mech| {
        s.derive(&mech, base, &some).gives(CKR_MECHANISM_PARAM_INVALID);
    };
    for length in [1, 1 << 30, 1 << 45, HUGE] {
        refused(prf_plus_from_null(length));
        refused(extended_from_null(length));
        for nonces in [(length, 0), (0, length)] {
            refused(prf_from_null(nonces));
            refused(numbered_from_null(base, nonces));
        }
    }
    for kind in [
        CKM_IKE2_PRF_PLUS_DERIVE,
        CKM_IKE_PRF_DERIVE,
        CKM_IKE1_PRF_DERIVE,
        CKM_IKE1_EXTENDED_DERIVE,
    ] {
        let mut room = [0u8; 256];
        for length in [0, 1, 39, 41, 57, 73, 256, HUGE] {
            refused(Mech::raw_parameter(kind, room.as_mut_ptr().cast(), length));
        }
        refused(Mech::raw_parameter(kind, std::ptr::null_mut(), 40));
    }
}

/// `CKM_IKE2_PRF_PLUS_DERIVE` with data of this length at NULL; likewise the three below.
fn prf_plus_from_null(length: CK_ULONG) -> Mech {
    let params = CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasSeedKey: CK_FALSE,
        hSeedKey: NONE,
        pSeedData: std::ptr::null_mut(),
        ulSeedDataLen: length,
    };
    Mech::with(CKM_IKE2_PRF_PLUS_DERIVE, params, Vec::new())
}

fn extended_from_null(length: CK_ULONG) -> Mech {
    let params = CK_IKE1_EXTENDED_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasKeygxy: CK_FALSE,
        hKeygxy: NONE,
        pExtraData: std::ptr::null_mut(),
        ulExtraDataLen: length,
    };
    Mech::with(CKM_IKE1_EXTENDED_DERIVE, params, Vec::new())
}

fn prf_from_null((ni, nr): (CK_ULONG, CK_ULONG)) -> Mech {
    let params = CK_IKE_PRF_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bDataAsKey: CK_FALSE,
        bRekey: CK_FALSE,
        pNi: std::ptr::null_mut(),
        ulNiLen: ni,
        pNr: std::ptr::null_mut(),
        ulNrLen: nr,
        hNewKey: NONE,
    };
    Mech::with(CKM_IKE_PRF_DERIVE, params, Vec::new())
}

fn numbered_from_null(base: Obj, (ni, nr): (CK_ULONG, CK_ULONG)) -> Mech {
    let params = CK_IKE1_PRF_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasPrevKey: CK_FALSE,
        hKeygxy: base.0,
        hPrevKey: NONE,
        pCKYi: std::ptr::null_mut(),
        ulCKYiLen: ni,
        pCKYr: std::ptr::null_mut(),
        ulCKYrLen: nr,
        keyNumber: 0,
    };
    Mech::with(CKM_IKE1_PRF_DERIVE, params, Vec::new())
}
