// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every function that uses, makes, changes or ends a key asks the policy: each is called without a
//! policy, then under one that denies one operation and permits all others, for every operation.

use crate::common::message::{GcmMessage, Many};
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{rule, set_policy};
use std::collections::BTreeSet;

/// A call, the functions it enters by, and what it asks: operation, and the code of its denial.
struct Step {
    functions: &'static [&'static str],
    asks: Asks,
    run: Box<dyn Fn() -> R<()>>,
}

type Asks = &'static [(&'static str, CK_RV)];

const NOT_PERMITTED: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;
const NOT_MADE: CK_RV = CKR_TEMPLATE_INCONSISTENT;
const ENCRYPT: Asks = &[("encrypt", NOT_PERMITTED)];
const DECRYPT: Asks = &[("decrypt", NOT_PERMITTED)];
const SIGN: Asks = &[("sign", NOT_PERMITTED)];
const VERIFY: Asks = &[("verify", NOT_PERMITTED)];
const WRAP: Asks = &[("wrap", NOT_PERMITTED), ("export", CKR_KEY_NOT_WRAPPABLE)];
const UNWRAP: Asks = &[("unwrap", NOT_PERMITTED), ("import", NOT_MADE)];
const DERIVE: Asks = &[("derive", NOT_PERMITTED), ("generate", NOT_MADE)];

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
    let mut steps = Steps(Vec::new());
    steps.uses(s);
    steps.recoveries(s);
    steps.messages(s);
    steps.signed_messages(s);
    steps.objects(s);
    steps.wraps(s);
    steps.derivations(s);
    steps.0
}

struct Steps(Vec<Step>);

impl Steps {
    fn add(
        &mut self,
        functions: &'static [&'static str],
        asks: Asks,
        run: impl Fn() -> R<()> + 'static,
    ) {
        self.0.push(Step { functions, asks, run: Box::new(run) });
    }

    fn uses(&mut self, s: Session) {
        let (aes, hmac) = (keys::aes(s, 32), keys::generic(s, 32));
        let (public, private) = keys::rsa(s);
        let iv = || Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
        let sealed = s.encrypt(&iv(), aes, b"text").good();
        let (raw, rsa) = (|| Mech::plain(CKM_RSA_PKCS), || Mech::plain(CKM_SHA256_RSA_PKCS));
        let mac = || Mech::plain(CKM_SHA256_HMAC);
        let signature = s.sign(&mac(), hmac, b"text").good();
        let first = s.sign(&rsa(), private, b"text").good();
        let init: &[&str] = &["C_EncryptInit"];
        self.add(init, ENCRYPT, move || s.encrypt(&iv(), aes, b"text").map(drop));
        self.add(init, ENCRYPT, move || s.encrypt(&raw(), public, b"text").map(drop));
        self.add(&["C_DecryptInit"], DECRYPT, move || s.decrypt(&iv(), aes, &sealed).map(drop));
        self.add(&["C_SignInit"], SIGN, move || s.sign(&mac(), hmac, b"text").map(drop));
        self.add(&["C_VerifyInit"], VERIFY, move || s.verify(&mac(), hmac, b"text", &signature));
        self.add(&["C_VerifySignatureInit"], VERIFY, move || {
            s.verify_signature_init(&rsa(), public, &first)?;
            s.cancel(CKF_VERIFY)
        });
        self.add(&["C_DigestKey"], &[("digest", CKR_KEY_INDIGESTIBLE)], move || {
            s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None)?;
            let fed = outcome(p11!(C_DigestKey(s.0, hmac.0)));
            s.cancel(CKF_DIGEST).good();
            fed
        });
    }

    fn recoveries(&mut self, s: Session) {
        let (public, private) = keys::rsa(s);
        let raw = || Mech::plain(CKM_RSA_PKCS);
        let recovered = s.sign_recover(&raw(), private, b"text").good();
        self.add(&["C_SignRecoverInit"], SIGN, move || {
            s.sign_recover(&raw(), private, b"text").map(drop)
        });
        self.add(&["C_VerifyRecoverInit"], VERIFY, move || {
            s.verify_recover(&raw(), public, &recovered).map(drop)
        });
    }

    /// A process begins, and a message in it.
    fn messages(&mut self, s: Session) {
        let aes = keys::aes(s, 32);
        let whole = |kind| move || message(s, kind, aes, false);
        let begun = |kind| move || message(s, kind, aes, true);
        let (encrypt, decrypt) = (Many::Encrypt, Many::Decrypt);
        self.add(&["C_MessageEncryptInit", "C_EncryptMessage"], ENCRYPT, whole(encrypt));
        self.add(&["C_EncryptMessageBegin"], ENCRYPT, begun(encrypt));
        self.add(&["C_MessageDecryptInit", "C_DecryptMessage"], DECRYPT, whole(decrypt));
        self.add(&["C_DecryptMessageBegin"], DECRYPT, begun(decrypt));
    }

    fn signed_messages(&mut self, s: Session) {
        let (public, private) = keys::rsa(s);
        let mech = || Mech::plain(CKM_SHA256_RSA_PKCS);
        let signature = s.sign(&mech(), private, b"text").good();
        let process = move |kind: Many, key, run: &dyn Fn() -> R<()>| {
            s.many(kind, Some(&mech()), Some(key))?;
            let done = run();
            s.cancel(kind.flag()).good();
            done
        };
        self.add(&["C_MessageSignInit", "C_SignMessage"], SIGN, move || {
            process(Many::Sign, private, &|| {
                s.sign_message(b"text", Room::Bytes(256)).taken().map(drop)
            })
        });
        self.add(&["C_SignMessageBegin"], SIGN, move || {
            process(Many::Sign, private, &|| s.message_begin(Many::Sign))
        });
        self.add(&["C_MessageVerifyInit", "C_VerifyMessage"], VERIFY, move || {
            process(Many::Verify, public, &|| s.verify_message(b"text", &signature))
        });
        self.add(&["C_VerifyMessageBegin"], VERIFY, move || {
            process(Many::Verify, public, &|| s.message_begin(Many::Verify))
        });
    }

    fn objects(&mut self, s: Session) {
        let aes = || Mech::plain(CKM_AES_KEY_GEN);
        let size = || template! { CKA_VALUE_LEN => 16_u64 };
        let own = s.generate(&aes(), &size()).good();
        let imported = move || keys::try_secret(s, CKK_AES, &[7; 16], &keys::open());
        self.add(&["C_CreateObject"], &[("import", NOT_MADE)], move || imported().map(drop));
        self.add(&["C_GenerateKey"], &[("generate", NOT_MADE)], move || {
            s.generate(&aes(), &size()).map(drop)
        });
        self.add(&["C_GenerateKeyPair"], &[("generate", NOT_MADE)], move || {
            let curve = template! { CKA_EC_PARAMS => ec::P256.oid };
            let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
            s.generate_pair(&mech, &curve, &Template::default()).map(drop)
        });
        self.add(&["C_CopyObject"], &[("copy", CKR_ACTION_PROHIBITED)], move || {
            s.copy(own, &Template::default()).map(drop)
        });
        self.add(&["C_SetAttributeValue"], &[("change", CKR_ACTION_PROHIBITED)], move || {
            s.set(own, &template! { CKA_LABEL => "label" })
        });
        // A key to destroy is made first.
        const DESTROY: Asks = &[("destroy", CKR_ACTION_PROHIBITED), ("import", NOT_MADE)];
        self.add(&["C_DestroyObject"], DESTROY, move || s.destroy(imported()?));
    }

    fn wraps(&mut self, s: Session) {
        let (by, key) = (keys::aes(s, 32), keys::aes(s, 16));
        let kw = || Mech::plain(CKM_AES_KEY_WRAP);
        let secret = || template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
        let wrapped = s.wrap(&kw(), by, key).good();
        self.add(&["C_WrapKey"], WRAP, move || s.wrap(&kw(), by, key).map(drop));
        self.add(&["C_UnwrapKey"], UNWRAP, move || {
            s.unwrap(&kw(), by, &wrapped, &secret()).map(drop)
        });
        let wrap = move |gcm: &GcmMessage| {
            s.wrap_authenticated(gcm.mechanism(), (by, key), b"", Room::Bytes(64)).taken()
        };
        let gcm = GcmMessage::new(9);
        let sealed = wrap(&gcm).good();
        self.add(&["C_WrapKeyAuthenticated"], WRAP, move || wrap(&GcmMessage::new(9)).map(drop));
        self.add(&["C_UnwrapKeyAuthenticated"], UNWRAP, move || {
            s.unwrap_authenticated(gcm.mechanism(), by, &sealed, (&secret(), b"")).map(drop)
        });
    }

    fn derivations(&mut self, s: Session) {
        let base = keys::generic(s, 32);
        let (public, private) = keys::pair(s, &ec::P256);
        let generic = || template! { CKA_CLASS => CKO_SECRET_KEY, CKA_VALUE_LEN => 16_u64 };
        let kem = || Mech::ecdh(CKD_NULL, b"", b"");
        let (ciphertext, _) = s.encapsulate(&kem(), public, &generic()).good();
        self.add(&["C_DeriveKey"], DERIVE, move || {
            s.derive(&Mech::plain(CKM_SHA256_KEY_DERIVATION), base, &generic()).map(drop)
        });
        self.add(&["C_DeriveKey"], DERIVE, move || {
            let mech = Mech::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
            s.derive(&mech, private, &Template::default()).map(drop)
        });
        const SHARE: Asks = &[("encapsulate", NOT_PERMITTED), ("generate", NOT_MADE)];
        self.add(&["C_EncapsulateKey"], SHARE, move || {
            s.encapsulate(&kem(), public, &generic()).map(drop)
        });
        const TAKE: Asks = &[("decapsulate", NOT_PERMITTED), ("generate", NOT_MADE)];
        self.add(&["C_DecapsulateKey"], TAKE, move || {
            s.decapsulate(&kem(), private, &ciphertext, &generic()).map(drop)
        });
    }
}

/// A process of AES-GCM begins, and a message in it: whole, or only its beginning.
fn message(s: Session, kind: Many, key: Obj, begin: bool) -> R<()> {
    let gcm = GcmMessage::new(9);
    let (at, size) = gcm.raw();
    s.many(kind, Some(&Mech::plain(CKM_AES_GCM)), Some(key))?;
    let (none, data) = (std::ptr::null_mut(), [0; 8]);
    let given = bytes(&data);
    let mut room = [0; 8];
    let (out, mut length) = (room.as_mut_ptr(), 8);
    let rv = match (kind, begin) {
        (Many::Encrypt, true) => p11!(C_EncryptMessageBegin(s.0, at, size, none, 0)),
        (Many::Encrypt, false) => {
            p11!(C_EncryptMessage(s.0, at, size, none, 0, given, 8, out, &mut length))
        }
        (_, true) => p11!(C_DecryptMessageBegin(s.0, at, size, none, 0)),
        (_, false) => p11!(C_DecryptMessage(s.0, at, size, none, 0, given, 8, out, &mut length)),
    };
    s.cancel(kind.flag()).good();
    // What was never sealed does not open: it was asked for all the same.
    if rv == CKR_AEAD_DECRYPT_FAILED { Ok(()) } else { outcome(rv) }
}
