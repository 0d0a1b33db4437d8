// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA signatures that give back what was signed.

use crate::common::ec::P256;
use crate::common::*;
use crate::data;
use openssl::rsa::Padding;
use std::ptr;

#[test]
fn data_comes_back_and_openssl_agrees() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let rsa = reference::rsa();
    let mech = Mech::plain(CKM_RSA_PKCS);
    for length in [0, 1, 35, 245] {
        let input = data(length);
        let signature = s.sign_recover(&mech, private, &input).good();
        let mut theirs = vec![0; 256];
        assert_eq!(rsa.private_encrypt(&input, &mut theirs, Padding::PKCS1).unwrap(), 256);
        assert_eq!(signature, theirs, "PKCS #1 v1.5 signatures are deterministic");
        assert_eq!(s.sign(&mech, private, &input).good(), signature);
        assert_eq!(s.verify_recover(&mech, public, &signature).good(), input);
    }
    let raw = Mech::plain(CKM_RSA_X_509);
    for length in [1, 100, 255] {
        let signature = s.sign_recover(&raw, private, &data(length)).good();
        let whole = [vec![0; 256 - length], data(length)].concat();
        let mut theirs = vec![0; 256];
        assert_eq!(rsa.private_encrypt(&whole, &mut theirs, Padding::NONE).unwrap(), 256);
        assert_eq!(signature, theirs);
        assert_eq!(s.verify_recover(&raw, public, &signature).good(), whole);
    }
}

#[test]
fn what_is_no_signature_is_refused_before_the_buffer_is_looked_at() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mech = Mech::plain(CKM_RSA_PKCS);
    let good = s.sign_recover(&mech, private, b"data").good();
    let mut changed = good.clone();
    changed[100] ^= 1;
    let cipher = s.encrypt(&mech, public, b"data").good();
    let block = |block: &[u8]| s.sign_recover(&Mech::plain(CKM_RSA_X_509), private, block).good();
    let filled = |kind: u8, count: usize| {
        let mut made = vec![0, kind];
        made.resize(2 + count, 0xff);
        made.resize(256, 0);
        made
    };
    for (what, signature, want) in [
        ("changed", changed, CKR_SIGNATURE_INVALID),
        ("beyond the modulus", vec![0xFF; 256], CKR_SIGNATURE_INVALID),
        ("of type 02", block(&filled(2, 200)), CKR_SIGNATURE_INVALID),
        ("of seven bytes of padding", block(&filled(1, 7)), CKR_SIGNATURE_INVALID),
        ("without an end", block(&filled(1, 254)), CKR_SIGNATURE_INVALID),
        ("a ciphertext", cipher, CKR_SIGNATURE_INVALID),
        ("short", good[1..].to_vec(), CKR_SIGNATURE_LEN_RANGE),
        ("long", [&good[..], &[0]].concat(), CKR_SIGNATURE_LEN_RANGE),
        ("empty", Vec::new(), CKR_SIGNATURE_LEN_RANGE),
    ] {
        s.verify_recover(&mech, public, &signature).gives_for(what, &[want]);
        let (mut raw, mut room, mut byte) = (mech.raw(), 0, 0_u8);
        outcome(p11!(C_VerifyRecoverInit(s.0, &mut raw, public.0))).good();
        let (pointer, count) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        // An empty vector has a pointer too.
        outcome(p11!(C_VerifyRecover(s.0, pointer, count, &mut byte, &mut room)))
            .gives_for(what, &[want]);
        outcome(p11!(C_VerifyRecover(s.0, pointer, count, &mut byte, &mut room)))
            .gives_for(what, &[CKR_OPERATION_NOT_INITIALIZED]);
    }
    assert_eq!(s.verify_recover(&mech, public, &block(&filled(1, 8))).good(), [0; 245]);
}

#[test]
fn a_short_buffer_keeps_the_operation() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mut raw = Mech::plain(CKM_RSA_PKCS).raw();
    outcome(p11!(C_SignRecoverInit(s.0, &mut raw, private.0))).good();
    outcome(p11!(C_SignRecoverInit(s.0, &mut raw, private.0))).gives(CKR_OPERATION_ACTIVE);
    let (mut signature, mut room) = (vec![0; 256], 255);
    let (input, count) = (bytes(b"data"), 4);
    let out = signature.as_mut_ptr();
    outcome(p11!(C_SignRecover(s.0, input, count, out, &mut room))).gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(room, 256);
    outcome(p11!(C_SignRecover(s.0, input, count, out, &mut room))).good();
    outcome(p11!(C_SignRecover(s.0, input, count, out, &mut room)))
        .gives(CKR_OPERATION_NOT_INITIALIZED);
    outcome(p11!(C_VerifyRecoverInit(s.0, &mut raw, public.0))).good();
    outcome(p11!(C_VerifyRecoverInit(s.0, &mut raw, public.0))).gives(CKR_OPERATION_ACTIVE);
    // The output may be written over the signature.
    let mut length = 3;
    outcome(p11!(C_VerifyRecover(s.0, out, 256, out, &mut length))).gives(CKR_BUFFER_TOO_SMALL);
    assert_eq!(length, 4);
    outcome(p11!(C_VerifyRecover(s.0, out, 256, out, &mut length))).good();
    assert_eq!(&signature[..length as usize], b"data");
}

#[test]
fn operations_are_cancelled() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mut raw = Mech::plain(CKM_RSA_PKCS).raw();
    let mut room = 0;
    let null = ptr::null_mut();
    for by_flag in [false, true] {
        outcome(p11!(C_SignRecoverInit(s.0, &mut raw, private.0))).good();
        outcome(p11!(C_VerifyRecoverInit(s.0, &mut raw, public.0))).good();
        if by_flag {
            s.cancel(CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER).good();
        } else {
            outcome(p11!(C_SignRecoverInit(s.0, ptr::null_mut(), 0))).good();
            outcome(p11!(C_VerifyRecoverInit(s.0, ptr::null_mut(), 0))).good();
        }
        outcome(p11!(C_SignRecover(s.0, bytes(b"data"), 4, null, &mut room)))
            .gives(CKR_OPERATION_NOT_INITIALIZED);
        outcome(p11!(C_VerifyRecover(s.0, bytes(b"data"), 4, null, &mut room)))
            .gives(CKR_OPERATION_NOT_INITIALIZED);
    }
}

#[test]
fn keys_and_mechanisms_must_serve() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    assert!(s.flag(private, CKA_SIGN_RECOVER).good());
    assert!(s.flag(public, CKA_VERIFY_RECOVER).good());
    let (ec_public, ec_private) = keys::pair(s, &P256);
    assert!(!s.flag(ec_private, CKA_SIGN_RECOVER).good());
    assert!(!s.flag(ec_public, CKA_VERIFY_RECOVER).good());
    let pkcs = Mech::plain(CKM_RSA_PKCS);
    for kind in [CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_AES_ECB] {
        let mech = match kind {
            CKM_RSA_PKCS_PSS => Mech::pss(kind, CKM_SHA256, CKG_MGF1_SHA256, 32),
            _ => Mech::plain(kind),
        };
        s.sign_recover(&mech, private, b"data").gives(CKR_MECHANISM_INVALID);
        s.verify_recover(&mech, public, &[1; 256]).gives(CKR_MECHANISM_INVALID);
    }
    s.sign_recover(&pkcs, ec_private, b"data").gives(CKR_KEY_TYPE_INCONSISTENT);
    s.sign_recover(&pkcs, Obj(0x7777), b"data").gives(CKR_KEY_HANDLE_INVALID);
    s.sign_recover(&pkcs, private, &data(246)).gives(CKR_DATA_LEN_RANGE);
    let raw = Mech::plain(CKM_RSA_X_509);
    s.sign_recover(&raw, private, &data(257)).gives(CKR_DATA_LEN_RANGE);
    s.sign_recover(&raw, private, &[0xFF; 256]).gives(CKR_DATA_INVALID);
    let never = s.copy(private, &template! { CKA_SIGN_RECOVER => false }).good();
    s.sign_recover(&pkcs, never, b"data").gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let never = s.copy(public, &template! { CKA_VERIFY_RECOVER => false }).good();
    s.verify_recover(&pkcs, never, &[1; 256]).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let extra = Mech::iv(CKM_RSA_PKCS, b"parameter");
    s.sign_recover(&extra, private, b"data").gives(CKR_MECHANISM_PARAM_INVALID);
    s.verify_recover(&extra, public, &[1; 256]).gives(CKR_MECHANISM_PARAM_INVALID);
}
