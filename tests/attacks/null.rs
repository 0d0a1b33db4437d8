// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A NULL parameter taken for zeros: who forgets an initialisation vector must not be served as if it
//! had said one, and what is associated data for one is no other's empty string.

use crate::common::operation::Kind;
use crate::common::*;
use crate::{compatible, ordinary, safe};
use std::ptr;

/// Where a mechanism wants an initialisation vector there is none by default.
#[test]
fn null_for_an_initialisation_vector() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let key = ordinary(s);
        for kind in [CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CTS, CKM_AES_OFB, CKM_AES_CFB128] {
            for (pointer, length) in [(ptr::null_mut(), 0), (ptr::null_mut(), 16)] {
                let mech = Mech::raw_parameter(kind, pointer, length);
                for direction in [Kind::Encrypt, Kind::Decrypt] {
                    let started = s.start(direction, &mech, Some(key));
                    started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
                }
            }
        }
        for (pointer, length) in [(ptr::null_mut(), 0), (ptr::null_mut(), 12)] {
            let started = s.start(Kind::Encrypt, &gcm(pointer, length), Some(key));
            started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
        }
        let none = Mech::raw_parameter(CKM_AES_CTR, ptr::null_mut(), 0);
        s.start(Kind::Encrypt, &none, Some(key)).gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

/// Associated data and labels that are announced and not there are not read as zeros, nor as
/// nothing.
#[test]
fn null_for_associated_data_or_label() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let key = ordinary(s);
        let nonce = vec![1; 12];
        let parameter = CK_GCM_PARAMS {
            pIv: nonce.as_ptr().cast_mut(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: ptr::null_mut(),
            ulAADLen: 16,
            ulTagBits: 128,
        };
        let mech = Mech::with(CKM_AES_GCM, parameter, vec![nonce]);
        let started = s.start(Kind::Encrypt, &mech, Some(key));
        started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
        let (public, private) = keys::rsa(s);
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: 16,
        };
        let mech = Mech::with(CKM_RSA_PKCS_OAEP, parameter, Vec::new());
        for (direction, key) in [(Kind::Encrypt, public), (Kind::Decrypt, private)] {
            let started = s.start(direction, &mech, Some(key));
            started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
        }
    }
}

/// What was sealed with associated data of zeros is not opened with none, and the other way round.
#[test]
fn zeros_are_not_nothing() {
    let user = compatible();
    let s = user.session;
    let key = ordinary(s);
    let (none, zeros) = (Mech::gcm(&[1; 12], b"", 128), Mech::gcm(&[1; 12], &[0; 16], 128));
    for (with, without) in [(&none, &zeros), (&zeros, &none)] {
        let sealed = s.encrypt(with, key, b"data").good();
        s.decrypt(with, key, &sealed).good();
        s.decrypt(without, key, &sealed).gives(CKR_ENCRYPTED_DATA_INVALID);
    }
}

fn gcm(iv: *mut u8, length: CK_ULONG) -> Mech {
    let parameter = CK_GCM_PARAMS {
        pIv: iv,
        ulIvLen: length,
        ulIvBits: 8 * length,
        pAAD: ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    };
    Mech::with(CKM_AES_GCM, parameter, Vec::new())
}
