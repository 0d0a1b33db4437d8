// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys derived by encrypting data.

use crate::common::*;
use crate::data;
use crate::legacy::{LEGACY, odd};
use openssl::symm::{Cipher, Mode};
use std::ptr;

#[test]
fn the_ciphertext_is_the_key() {
    let user = User::new();
    let s = user.session;
    for bytes in [16, 24, 32] {
        let value = data(bytes);
        let base = keys::secret(s, CKK_AES, &value);
        for (length, asked, kind) in [
            (16, Some(16), CKK_AES),
            (32, Some(24), CKK_AES),
            (48, Some(32), CKK_AES),
            (32, None, CKK_GENERIC_SECRET),
            (32, Some(5), CKK_GENERIC_SECRET),
            (32, None, CKK_CHACHA20),
            (48, Some(32), CKK_CHACHA20),
            (32, Some(32), CKK_AES_XTS),
        ] {
            let given = data(length);
            let ecb = reference::aes_ecb(&value);
            let whole = reference::cipher(ecb, Mode::Encrypt, &value, None, &given);
            let cut = asked.unwrap_or(length);
            derives(
                s,
                &ecb_data(CKM_AES_ECB_ENCRYPT_DATA, &given),
                base,
                (kind, asked),
                &whole[..cut],
            );
            let whole =
                reference::cipher(cbc(bytes), Mode::Encrypt, &value, Some(&[7; 16]), &given);
            derives(s, &cbc_data(&given), base, (kind, asked), &whole[..cut]);
        }
    }
}

#[test]
fn triple_des_derives_where_the_configuration_allows() {
    let value = odd(data(24));
    let user = User::new();
    let base = keys::secret(user.session, CKK_DES3, &value);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_DES3 };
    let mech = ecb_data(CKM_DES3_ECB_ENCRYPT_DATA, &data(24));
    user.session.derive(&mech, base, &template).gives(CKR_MECHANISM_INVALID);
    drop(user);
    let user = User::with_settings(LEGACY);
    let s = user.session;
    let base = keys::secret(s, CKK_DES3, &value);
    let whole = reference::cipher(Cipher::des_ede3(), Mode::Encrypt, &value, None, &data(24));
    derives(s, &mech, base, (CKK_DES3, None), &odd(whole.clone()));
    derives(s, &mech, base, (CKK_DES2, None), &odd(whole[..16].to_vec()));
    derives(s, &mech, base, (CKK_GENERIC_SECRET, None), &whole);
    let whole =
        reference::cipher(Cipher::des_ede3_cbc(), Mode::Encrypt, &value, Some(&[7; 8]), &data(24));
    let mut given = data(24);
    let parameter =
        CK_DES_CBC_ENCRYPT_DATA_PARAMS { iv: [7; 8], pData: given.as_mut_ptr(), length: 24 };
    let mech = Mech::with(CKM_DES3_CBC_ENCRYPT_DATA, parameter, vec![]);
    derives(s, &mech, base, (CKK_GENERIC_SECRET, None), &whole);
}

#[test]
fn what_does_not_fit_is_refused() {
    let user = User::new();
    let s = user.session;
    let base = keys::aes(s, 32);
    for (length, asked, kind, want) in [
        // Too short for the key.
        (16, Some(32), CKK_AES, CKR_DATA_LEN_RANGE),
        (0, Some(16), CKK_AES, CKR_DATA_LEN_RANGE),
        (0, Some(16), CKK_GENERIC_SECRET, CKR_DATA_LEN_RANGE),
        (16, None, CKK_GENERIC_SECRET, CKR_TEMPLATE_INCOMPLETE),
        (16, None, CKK_CHACHA20, CKR_DATA_LEN_RANGE),
        // No whole blocks.
        (15, Some(8), CKK_GENERIC_SECRET, CKR_MECHANISM_PARAM_INVALID),
        (33, Some(32), CKK_AES, CKR_MECHANISM_PARAM_INVALID),
        // No key of the type.
        (32, None, CKK_AES, CKR_TEMPLATE_INCOMPLETE),
        (32, Some(17), CKK_AES, CKR_TEMPLATE_INCONSISTENT),
        (32, Some(0), CKK_GENERIC_SECRET, CKR_ATTRIBUTE_VALUE_INVALID),
        (32, Some(HUGE), CKK_GENERIC_SECRET, CKR_DATA_LEN_RANGE),
        (32, Some(16), CKK_CHACHA20, CKR_TEMPLATE_INCONSISTENT),
    ] {
        let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind };
        let template = match asked {
            Some(asked) => template.with(CKA_VALUE_LEN, asked),
            None => template,
        };
        let what = format!("{length} bytes to {asked:?} of {kind:#x}");
        let mech = ecb_data(CKM_AES_ECB_ENCRYPT_DATA, &data(length));
        s.derive(&mech, base, &template).gives_for(&what, &[want]);
        s.derive(&cbc_data(&data(length)), base, &template).gives_for(&what, &[want]);
    }
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_VALUE_LEN => 16 as CK_ULONG };
    for length in [16, HUGE] {
        let parameter = CK_KEY_DERIVATION_STRING_DATA { pData: ptr::null_mut(), ulLen: length };
        let mech = Mech::with(CKM_AES_ECB_ENCRYPT_DATA, parameter, vec![]);
        s.derive(&mech, base, &template).gives(CKR_MECHANISM_PARAM_INVALID);
        let parameter =
            CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: [0; 16], pData: ptr::null_mut(), length };
        let mech = Mech::with(CKM_AES_CBC_ENCRYPT_DATA, parameter, vec![]);
        s.derive(&mech, base, &template).gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

fn derives(
    s: Session,
    mech: &Mech,
    base: Obj,
    (kind, asked): (CK_KEY_TYPE, Option<usize>),
    want: &[u8],
) {
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind };
    let template = match asked {
        Some(asked) => template.with(CKA_VALUE_LEN, asked as CK_ULONG),
        // A generic secret is what there is where the template names neither.
        None if kind == CKK_GENERIC_SECRET => template.without(CKA_KEY_TYPE),
        None => template,
    };
    let key = s.derive(mech, base, &template.and(&keys::open()));
    let value = s.get(key.good_for(&format!("{kind:#x} {asked:?}")), CKA_VALUE).good();
    assert_eq!(value, want, "{kind:#x} {asked:?}");
}

/// The parameter that is data alone.
pub fn ecb_data(kind: CK_MECHANISM_TYPE, given: &[u8]) -> Mech {
    let mut given = given.to_vec();
    let parameter = CK_KEY_DERIVATION_STRING_DATA { pData: given.as_mut_ptr(), ulLen: len(&given) };
    Mech::with(kind, parameter, vec![given])
}

/// The parameter that is a vector and data.
pub fn cbc_data(given: &[u8]) -> Mech {
    let mut given = given.to_vec();
    let parameter = CK_AES_CBC_ENCRYPT_DATA_PARAMS {
        iv: [7; 16],
        pData: given.as_mut_ptr(),
        length: len(&given),
    };
    Mech::with(CKM_AES_CBC_ENCRYPT_DATA, parameter, vec![given])
}

fn cbc(bytes: usize) -> Cipher {
    match bytes {
        16 => Cipher::aes_128_cbc(),
        24 => Cipher::aes_192_cbc(),
        _ => Cipher::aes_256_cbc(),
    }
}
