// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every function that uses, makes, changes or ends a key asks the policy: each is called without a
//! policy, then under one that denies one operation and permits all others, for every operation.

use crate::common::message::Many;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{rule, set_policy};
use std::collections::BTreeSet;

/// A call, the functions it enters by, and what it asks: operation, and the code of its denial.
struct Step {
    functions: &'static [&'static str],
    asks: &'static [(&'static str, CK_RV)],
    run: Box<dyn Fn() -> R<()>>,
}

const NOT_PERMITTED: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;

/// Functions that have nothing to do with keys, or go on with what others began.
const OTHERS: &[&str] = &[
    "C_Initialize",
    "C_Finalize",
    "C_GetInfo",
    "C_GetFunctionList",
    "C_GetSlotList",
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_InitPIN",
    "C_SetPIN",
    "C_OpenSession",
    "C_CloseSession",
    "C_CloseAllSessions",
    "C_GetSessionInfo",
    "C_Login",
    "C_Logout",
    "C_LoginUser",
    "C_SessionCancel",
    "C_GetObjectSize",
    "C_GetAttributeValue",
    "C_FindObjectsInit",
    "C_FindObjects",
    "C_FindObjectsFinal",
    "C_Encrypt",
    "C_EncryptUpdate",
    "C_EncryptFinal",
    "C_Decrypt",
    "C_DecryptUpdate",
    "C_DecryptFinal",
    "C_DigestInit",
    "C_Digest",
    "C_DigestUpdate",
    "C_DigestFinal",
    "C_Sign",
    "C_SignUpdate",
    "C_SignFinal",
    "C_SignRecover",
    "C_Verify",
    "C_VerifyUpdate",
    "C_VerifyFinal",
    "C_VerifyRecover",
    "C_DigestEncryptUpdate",
    "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate",
    "C_DecryptVerifyUpdate",
    "C_SeedRandom",
    "C_GenerateRandom",
    "C_GetFunctionStatus",
    "C_CancelFunction",
    "C_WaitForSlotEvent",
    "C_GetInterfaceList",
    "C_GetInterface",
    "C_EncryptMessageNext",
    "C_DecryptMessageNext",
    "C_MessageEncryptFinal",
    "C_MessageDecryptFinal",
    "C_SignMessageNext",
    "C_MessageSignFinal",
    "C_VerifyMessageNext",
    "C_MessageVerifyFinal",
    "C_VerifySignature",
    "C_VerifySignatureUpdate",
    "C_VerifySignatureFinal",
    "C_GetSessionValidationFlags",
    "C_AsyncComplete",
    "C_AsyncGetID",
    "C_AsyncJoin",
    // States of digests alone are kept.
    "C_GetOperationState",
    "C_SetOperationState",
];

const OPERATIONS: &[&str] = &[
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "wrap",
    "unwrap",
    "derive",
    "encapsulate",
    "decapsulate",
    "digest",
    "generate",
    "import",
    "copy",
    "change",
    "destroy",
    "export",
];

#[test]
fn every_function_asks() {
    let user = User::compatible();
    let steps = steps(user.session);
    for step in &steps {
        (step.run)().good_for(&format!("{:?} without a policy", step.functions));
    }
    for denied in OPERATIONS {
        let permitted: Vec<_> = OPERATIONS.iter().filter(|other| *other != denied).collect();
        let lines =
            format!("default = \"deny\"\n{}", rule("r", &format!("operations = {permitted:?}")));
        set_policy(&user.fixture, &lines);
        let mut met = 0;
        for step in &steps {
            let what = format!("{:?} where '{denied}' is denied", step.functions);
            match step.asks.iter().find(|(operation, _)| operation == denied) {
                Some((_, code)) => {
                    met += 1;
                    (step.run)().gives_for(&what, &[*code]);
                }
                None => (step.run)().good_for(&what),
            }
        }
        assert!(met > 0, "no call asks for '{denied}'");
    }
}

#[test]
fn no_function_is_forgotten() {
    let user = User::compatible();
    let list = format!("{:?}", module().list);
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let all: BTreeSet<&str> = list.split(word).filter(|name| name.starts_with("C_")).collect();
    let mut known: BTreeSet<&str> = OTHERS.iter().copied().collect();
    for step in steps(user.session) {
        for function in step.functions {
            assert!(!OTHERS.contains(function), "{function} is in both lists");
            known.insert(function);
        }
    }
    assert!(all.len() > 90, "the names of the functions are not where this test looks for them");
    assert_eq!(all, known);
}

fn steps(s: Session) -> Vec<Step> {
    let mut all = uses(s);
    all.extend(messages(s));
    all.extend(makes(s));
    all
}

fn uses(s: Session) -> Vec<Step> {
    let (aes, hmac) = (keys::aes(s, 32), keys::generic(s, 32));
    let (public, private) = keys::rsa(s);
    let iv = || Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
    let sealed = s.encrypt(&iv(), aes, b"text").good();
    let raw = || Mech::plain(CKM_RSA_PKCS);
    let mac = || Mech::plain(CKM_SHA256_HMAC);
    let signature = s.sign(&mac(), hmac, b"text").good();
    let first = s.sign(&Mech::plain(CKM_SHA256_RSA_PKCS), private, b"text").good();
    let recovered = s.sign_recover(&raw(), private, b"text").good();
    let step = |functions, asks, run| Step { functions, asks, run };
    vec![
        step(
            &["C_EncryptInit"],
            &[("encrypt", NOT_PERMITTED)],
            Box::new(move || s.encrypt(&iv(), aes, b"text").map(drop)),
        ),
        step(
            &["C_EncryptInit"],
            &[("encrypt", NOT_PERMITTED)],
            Box::new(move || s.encrypt(&raw(), public, b"text").map(drop)),
        ),
        step(
            &["C_DecryptInit"],
            &[("decrypt", NOT_PERMITTED)],
            Box::new(move || s.decrypt(&iv(), aes, &sealed).map(drop)),
        ),
        step(
            &["C_SignInit"],
            &[("sign", NOT_PERMITTED)],
            Box::new(move || s.sign(&mac(), hmac, b"text").map(drop)),
        ),
        step(
            &["C_VerifyInit"],
            &[("verify", NOT_PERMITTED)],
            Box::new(move || s.verify(&mac(), hmac, b"text", &signature)),
        ),
        step(
            &["C_VerifySignatureInit"],
            &[("verify", NOT_PERMITTED)],
            Box::new(move || {
                let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
                s.verify_signature_init(&mech, public, &first)?;
                s.cancel(CKF_VERIFY)
            }),
        ),
        step(
            &["C_SignRecoverInit"],
            &[("sign", NOT_PERMITTED)],
            Box::new(move || s.sign_recover(&raw(), private, b"text").map(drop)),
        ),
        step(
            &["C_VerifyRecoverInit"],
            &[("verify", NOT_PERMITTED)],
            Box::new(move || s.verify_recover(&raw(), public, &recovered).map(drop)),
        ),
        step(
            &["C_DigestKey"],
            &[("digest", CKR_KEY_INDIGESTIBLE)],
            Box::new(move || {
                s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None)?;
                let fed = outcome(p11!(C_DigestKey(s.0, hmac.0)));
                s.cancel(CKF_DIGEST).good();
                fed
            }),
        ),
    ]
}

/// A process begins; where `then` is said, a message follows under a policy that came later, too.
fn messages(s: Session) -> Vec<Step> {
    let aes = keys::aes(s, 32);
    let (public, private) = keys::rsa(s);
    let mech = || Mech::plain(CKM_SHA256_RSA_PKCS);
    let signature = s.sign(&mech(), private, b"text").good();
    let process = move |kind: Many, mech: &Mech, key, run: &dyn Fn() -> R<()>| {
        s.many(kind, Some(mech), Some(key))?;
        let done = run();
        s.cancel(kind.flag()).good();
        done
    };
    let gcm = move |kind: Many, begin: bool| {
        let mut params = Gcm::new();
        let (ivs, data) = (params.pointer(), [0; 8]);
        s.many(kind, Some(&Mech::plain(CKM_AES_GCM)), Some(aes))?;
        let (size, none) = (size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG, std::ptr::null_mut());
        let (mut out, mut room) = ([0; 8], 8);
        let rv = match (kind, begin) {
            (Many::Encrypt, true) => p11!(C_EncryptMessageBegin(s.0, ivs, size, none, 0)),
            (Many::Encrypt, false) => p11!(C_EncryptMessage(
                s.0,
                ivs,
                size,
                none,
                0,
                bytes(&data),
                8,
                out.as_mut_ptr(),
                &mut room
            )),
            (_, true) => p11!(C_DecryptMessageBegin(s.0, ivs, size, none, 0)),
            (_, false) => p11!(C_DecryptMessage(
                s.0,
                ivs,
                size,
                none,
                0,
                bytes(&data),
                8,
                out.as_mut_ptr(),
                &mut room
            )),
        };
        s.cancel(kind.flag()).good();
        // What was never sealed does not open: it was asked for all the same.
        if rv == CKR_AEAD_DECRYPT_FAILED { Ok(()) } else { outcome(rv) }
    };
    let step = |functions, asks, run| Step { functions, asks, run };
    let (encrypt, decrypt) = (&[("encrypt", NOT_PERMITTED)], &[("decrypt", NOT_PERMITTED)]);
    let (sign, verify) = (&[("sign", NOT_PERMITTED)], &[("verify", NOT_PERMITTED)]);
    let whole = move || {
        process(Many::Sign, &mech(), private, &|| {
            s.sign_message(b"text", Room::Bytes(256)).taken().map(drop)
        })
    };
    let parts = move || process(Many::Sign, &mech(), private, &|| s.message_begin(Many::Sign));
    let checked =
        move || process(Many::Verify, &mech(), public, &|| s.verify_message(b"text", &signature));
    let checked_parts =
        move || process(Many::Verify, &mech(), public, &|| s.message_begin(Many::Verify));
    vec![
        step(
            &["C_MessageEncryptInit", "C_EncryptMessage"],
            encrypt,
            Box::new(move || gcm(Many::Encrypt, false)),
        ),
        step(&["C_EncryptMessageBegin"], encrypt, Box::new(move || gcm(Many::Encrypt, true))),
        step(
            &["C_MessageDecryptInit", "C_DecryptMessage"],
            decrypt,
            Box::new(move || gcm(Many::Decrypt, false)),
        ),
        step(&["C_DecryptMessageBegin"], decrypt, Box::new(move || gcm(Many::Decrypt, true))),
        step(&["C_MessageSignInit", "C_SignMessage"], sign, Box::new(whole)),
        step(&["C_SignMessageBegin"], sign, Box::new(parts)),
        step(&["C_MessageVerifyInit", "C_VerifyMessage"], verify, Box::new(checked)),
        step(&["C_VerifyMessageBegin"], verify, Box::new(checked_parts)),
    ]
}

fn makes(s: Session) -> Vec<Step> {
    let (by, key, base) = (keys::aes(s, 32), keys::aes(s, 16), keys::generic(s, 32));
    let (ec_public, ec_private) = keys::pair(s, &ec::P256);
    let kw = || Mech::plain(CKM_AES_KEY_WRAP);
    let wrapped = s.wrap(&kw(), by, key).good();
    let secret = || template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let generic = || template! { CKA_CLASS => CKO_SECRET_KEY, CKA_VALUE_LEN => 16_u64 };
    let kem = || Mech::ecdh(CKD_NULL, b"", b"");
    let (ciphertext, _) = s.encapsulate(&kem(), ec_public, &generic()).good();
    let own =
        s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template! { CKA_VALUE_LEN => 16_u64 }).good();
    let mut gcm = Gcm::new();
    let sealed = gcm.wrap(s, by, key).good();
    const NOT_MADE: CK_RV = CKR_TEMPLATE_INCONSISTENT;
    let step = |functions, asks, run| Step { functions, asks, run };
    vec![
        step(
            &["C_CreateObject"],
            &[("import", NOT_MADE)],
            Box::new(move || keys::try_secret(s, CKK_AES, &[7; 16], &keys::open()).map(drop)),
        ),
        step(
            &["C_GenerateKey"],
            &[("generate", NOT_MADE)],
            Box::new(move || {
                let size = template! { CKA_VALUE_LEN => 16_u64 };
                s.generate(&Mech::plain(CKM_AES_KEY_GEN), &size).map(drop)
            }),
        ),
        step(
            &["C_GenerateKeyPair"],
            &[("generate", NOT_MADE)],
            Box::new(move || {
                let curve = template! { CKA_EC_PARAMS => ec::P256.oid };
                let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
                s.generate_pair(&mech, &curve, &Template::default()).map(drop)
            }),
        ),
        step(
            &["C_CopyObject"],
            &[("copy", CKR_ACTION_PROHIBITED)],
            Box::new(move || s.copy(own, &Template::default()).map(drop)),
        ),
        step(
            &["C_SetAttributeValue"],
            &[("change", CKR_ACTION_PROHIBITED)],
            Box::new(move || s.set(own, &template! { CKA_LABEL => "label" })),
        ),
        step(
            &["C_DestroyObject"],
            // A key to destroy is made first.
            &[("destroy", CKR_ACTION_PROHIBITED), ("import", NOT_MADE)],
            Box::new(move || s.destroy(keys::try_secret(s, CKK_AES, &[7; 16], &keys::open())?)),
        ),
        step(
            &["C_WrapKey"],
            &[("wrap", NOT_PERMITTED), ("export", CKR_KEY_NOT_WRAPPABLE)],
            Box::new(move || s.wrap(&kw(), by, key).map(drop)),
        ),
        step(
            &["C_UnwrapKey"],
            &[("unwrap", NOT_PERMITTED), ("import", NOT_MADE)],
            Box::new(move || s.unwrap(&kw(), by, &wrapped, &secret()).map(drop)),
        ),
        step(
            &["C_WrapKeyAuthenticated"],
            &[("wrap", NOT_PERMITTED), ("export", CKR_KEY_NOT_WRAPPABLE)],
            Box::new(move || Gcm::new().wrap(s, by, key).map(drop)),
        ),
        step(
            &["C_UnwrapKeyAuthenticated"],
            &[("unwrap", NOT_PERMITTED), ("import", NOT_MADE)],
            Box::new(move || gcm_unwrap(s, &gcm, by, &sealed)),
        ),
        step(
            &["C_DeriveKey"],
            &[("derive", NOT_PERMITTED), ("generate", NOT_MADE)],
            Box::new(move || {
                s.derive(&Mech::plain(CKM_SHA256_KEY_DERIVATION), base, &generic()).map(drop)
            }),
        ),
        step(
            &["C_DeriveKey"],
            &[("derive", NOT_PERMITTED), ("generate", NOT_MADE)],
            Box::new(move || {
                let mech = Mech::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
                s.derive(&mech, ec_private, &Template::default()).map(drop)
            }),
        ),
        step(
            &["C_EncapsulateKey"],
            &[("encapsulate", NOT_PERMITTED), ("generate", NOT_MADE)],
            Box::new(move || s.encapsulate(&kem(), ec_public, &generic()).map(drop)),
        ),
        step(
            &["C_DecapsulateKey"],
            &[("decapsulate", NOT_PERMITTED), ("generate", NOT_MADE)],
            Box::new(move || s.decapsulate(&kem(), ec_private, &ciphertext, &generic()).map(drop)),
        ),
    ]
}

/// The parameter of one message of AES-GCM, under a vector that the test chose.
struct Gcm {
    raw: Box<CK_GCM_MESSAGE_PARAMS>,
    _iv: Box<[u8; 12]>,
    _tag: Box<[u8; 16]>,
}

impl Gcm {
    fn new() -> Gcm {
        let (mut iv, mut tag) = (Box::new([9; 12]), Box::new([0; 16]));
        let raw = Box::new(CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.as_mut_ptr(),
            ulTagBits: 128,
        });
        Gcm { raw, _iv: iv, _tag: tag }
    }

    fn pointer(&mut self) -> CK_VOID_PTR {
        std::ptr::from_mut(self.raw.as_mut()).cast()
    }

    fn mechanism(&self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: std::ptr::from_ref(self.raw.as_ref()).cast_mut().cast(),
            ulParameterLen: size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG,
        }
    }

    fn wrap(&mut self, s: Session, by: Obj, key: Obj) -> R<Vec<u8>> {
        let (mut mech, none) = (self.mechanism(), std::ptr::null_mut());
        let wrapped = Room::Bytes(64).filled(|out, length| {
            p11!(C_WrapKeyAuthenticated(s.0, &mut mech, by.0, key.0, none, 0, out, length))
        });
        wrapped.taken()
    }
}

fn gcm_unwrap(s: Session, gcm: &Gcm, by: Obj, wrapped: &[u8]) -> R<()> {
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let (mut mech, mut raw, mut handle) = (gcm.mechanism(), template.raw(), 0);
    outcome(p11!(C_UnwrapKeyAuthenticated(
        s.0,
        &mut mech,
        by.0,
        bytes(wrapped),
        len(wrapped),
        raw.as_mut_ptr(),
        raw.len() as CK_ULONG,
        std::ptr::null_mut(),
        0,
        &mut handle
    )))
}
