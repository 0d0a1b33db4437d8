// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanism parameters that are not right: absent, of the wrong size, or pointing nowhere.

use crate::common::ec::P256;
use crate::common::mechanism::Hkdf;
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::{Family, keys_of, required};
use std::ptr;

#[test]
fn mechanisms_without_a_parameter_take_none() {
    let user = User::new();
    let s = user.session;
    for row in required() {
        let mech = (row.mech)(row.kind);
        let optional = [CKM_EDDSA, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP].contains(&row.kind);
        if mech.raw().ulParameterLen != 0 || optional {
            continue;
        }
        let extra = Mech::iv(row.kind, b"parameter");
        refused(s, row.kind, row.flags, row.family, &extra);
        // No bytes at a pointer that is not NULL are no parameter either.
        let mut one = 0_u8;
        let none = bare(row.kind, ptr::from_mut(&mut one).cast(), 0);
        let (first, second) = keys_of(s, row.family);
        for (flag, kind, key) in operations(first, second) {
            if row.flags & flag != 0 {
                s.start(kind, &none, Some(key)).good_for(&format!("{:#x}", row.kind));
                s.start_null(kind).good();
            }
        }
    }
}

#[test]
fn parameters_of_the_wrong_size_are_refused() {
    let user = User::new();
    let s = user.session;
    for row in required() {
        let right = (row.mech)(row.kind);
        let size = right.raw().ulParameterLen;
        // A public value has any size.
        if size == 0 || row.kind == CKM_DH_PKCS_DERIVE {
            continue;
        }
        let (pointer, mut room) = (right.raw().pParameter, [0_u8; 256]);
        for length in [0, 1, size - 1] {
            refused(s, row.kind, row.flags, row.family, &bare(row.kind, pointer, length));
        }
        // Longer: into a buffer that is as long as it says.
        let longer = bare(row.kind, room.as_mut_ptr().cast(), size + 1);
        refused(s, row.kind, row.flags, row.family, &longer);
        refused(s, row.kind, row.flags, row.family, &bare(row.kind, ptr::null_mut(), 0));
        refused(s, row.kind, row.flags, row.family, &bare(row.kind, ptr::null_mut(), size));
        refused(s, row.kind, row.flags, row.family, &bare(row.kind, pointer, HUGE));
    }
}

#[test]
fn inner_pointers_must_point_somewhere() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    for (iv, iv_length, aad_length) in
        [(false, 12, 0), (true, 0, 0), (true, 12, 5), (true, 12, HUGE), (true, HUGE, 0)]
    {
        let mut vector = [1_u8; 12];
        let parameter = CK_GCM_PARAMS {
            pIv: if iv { vector.as_mut_ptr() } else { ptr::null_mut() },
            ulIvLen: iv_length,
            ulIvBits: 96,
            pAAD: ptr::null_mut(),
            ulAADLen: aad_length,
            ulTagBits: 128,
        };
        let started =
            s.start(Kind::Encrypt, &Mech::with(CKM_AES_GCM, parameter, Vec::new()), Some(aes));
        started.gives_for(&format!("iv {iv_length} aad {aad_length}"), BAD);
    }
    let (public, _) = keys::rsa(s);
    for length in [1, HUGE] {
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: length,
        };
        let mech = Mech::with(CKM_RSA_PKCS_OAEP, parameter, Vec::new());
        s.start(Kind::Encrypt, &mech, Some(public)).gives_one_of(BAD);
    }
    let (_, private) = keys::pair(s, &ec::ED25519);
    for length in [1, 255, HUGE] {
        let parameter = CK_EDDSA_PARAMS {
            phFlag: CK_FALSE,
            ulContextDataLen: length,
            pContextData: ptr::null_mut(),
        };
        let mech = Mech::with(CKM_EDDSA, parameter, Vec::new());
        s.start(Kind::Sign, &mech, Some(private)).gives_one_of(BAD);
    }
}

#[test]
fn inner_pointers_of_derivation_must_point_somewhere() {
    let user = User::new();
    let s = user.session;
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG,
    };
    let (_, base) = keys::pair(s, &P256);
    for (shared, public) in [(0, 65), (0, HUGE), (9, 0)] {
        let parameter = CK_ECDH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulSharedDataLen: shared,
            pSharedData: ptr::null_mut(),
            ulPublicDataLen: public,
            pPublicData: ptr::null_mut(),
        };
        let mech = Mech::with(CKM_ECDH1_DERIVE, parameter, Vec::new());
        s.derive(&mech, base, &template).gives_one_of(BAD);
    }
    let base = keys::generic(s, 32);
    for (salt, info) in [(5, 0), (0, 5), (HUGE, 0), (0, HUGE)] {
        let parameter = CK_HKDF_PARAMS {
            bExtract: CK_TRUE,
            bExpand: CK_TRUE,
            prfHashMechanism: CKM_SHA256,
            ulSaltType: CKF_HKDF_SALT_DATA,
            pSalt: ptr::null_mut(),
            ulSaltLen: salt,
            hSaltKey: 0,
            pInfo: ptr::null_mut(),
            ulInfoLen: info,
        };
        let mech = Mech::with(CKM_HKDF_DERIVE, parameter, Vec::new());
        s.derive(&mech, base, &template).gives_for(&format!("salt {salt} info {info}"), BAD);
    }
    let how = Hkdf { extract: true, expand: true, ..Hkdf::default() };
    s.derive(&Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how), base, &template).good();
}

#[test]
fn parameter_values_out_of_range_are_refused() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let digest = 32;
    for mech in [
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_AES_ECB, CKG_MGF1_SHA256, digest),
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, 0, digest),
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, 99, digest),
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 257),
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, usize::MAX),
        Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, i64::MAX as usize),
    ] {
        for (kind, key) in [(Kind::Sign, private), (Kind::Verify, public)] {
            let started = s.start(kind, &mech, Some(key));
            started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_KEY_SIZE_RANGE]);
        }
    }
    for mech in [
        Mech::oaep(CKM_AES_ECB, CKG_MGF1_SHA256, b""),
        Mech::oaep(CKM_SHA256, 0, b""),
        Mech::oaep(CKM_SHA256, 77, b""),
    ] {
        s.start(Kind::Encrypt, &mech, Some(public)).gives(CKR_MECHANISM_PARAM_INVALID);
        s.start(Kind::Decrypt, &mech, Some(private)).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let parameter = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: 5,
        pSourceData: ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    let mech = Mech::with(CKM_RSA_PKCS_OAEP, parameter, Vec::new());
    s.start(Kind::Encrypt, &mech, Some(public)).gives(CKR_MECHANISM_PARAM_INVALID);
}

/// No function that the mechanism serves takes this parameter, and none leaves an operation.
fn refused(s: Session, kind: CK_MECHANISM_TYPE, flags: CK_FLAGS, family: Family, mech: &Mech) {
    let (first, second) = keys_of(s, family);
    let what = format!("{kind:#x} with {} bytes", mech.raw().ulParameterLen);
    for (flag, operation, key) in operations(first, second) {
        if flags & flag != 0 {
            s.start(operation, mech, Some(key)).gives_for(&what, BAD);
            let ended = s.once_or_finish(operation);
            ended.gives_for(&what, &[CKR_OPERATION_NOT_INITIALIZED]);
        }
    }
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG };
    if flags & CKF_DIGEST != 0 {
        s.start(Kind::Digest, mech, None).gives_for(&what, BAD);
    }
    if flags & CKF_DERIVE != 0 {
        s.derive(mech, second, &template).gives_for(&what, BAD);
    }
    if flags & CKF_WRAP != 0 {
        s.wrap(mech, first, keys::aes(s, 16)).gives_for(&what, BAD);
    }
    if flags & CKF_GENERATE != 0 {
        s.generate(mech, &template! { CKA_VALUE_LEN => 16 as CK_ULONG }).gives_for(&what, BAD);
    }
    if flags & CKF_GENERATE_KEY_PAIR != 0 {
        let public = template! { CKA_MODULUS_BITS => 2048 as CK_ULONG };
        let curve = crate::table::ALL_CURVES.iter().find(|curve| curve.generation == kind);
        let public = curve.map_or(public, |curve| template! { CKA_EC_PARAMS => curve.oid });
        s.generate_pair(mech, &public, &Template::default()).gives_for(&what, BAD);
    }
}

fn operations(first: Obj, second: Obj) -> [(CK_FLAGS, Kind, Obj); 4] {
    [
        (CKF_ENCRYPT, Kind::Encrypt, first),
        (CKF_DECRYPT, Kind::Decrypt, second),
        (CKF_SIGN, Kind::Sign, second),
        (CKF_VERIFY, Kind::Verify, first),
    ]
}

fn bare(kind: CK_MECHANISM_TYPE, pointer: CK_VOID_PTR, length: CK_ULONG) -> Mech {
    Mech::raw_parameter(kind, pointer, length)
}

/// A pointer or length that cannot be is bad as an argument as much as within the parameter.
const BAD: &[CK_RV] = &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
