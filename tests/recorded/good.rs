// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What succeeds leaves one record, or a count of one: each function that leaves anything, called well.

use crate::common::message::{GcmMessage, Many};
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{counted, of, outcomes, records, since};
use std::path::PathBuf;

/// A token whose user is logged in, and the keys that the calls below take.
struct Ground {
    user: User,
    store: PathBuf,
    rsa: (Obj, Obj),
    mac: Obj,
    aes: Obj,
}

/// Calls all of them, and tells the name of each.
pub fn all(mut called: impl FnMut(&'static str)) {
    let fixture = Fixture::with_settings(fixture::COMPATIBLE);
    let token = fixture.token("good");
    let user = User { token, session: token.user(), fixture };
    let s = user.session;
    let (rsa, mac, aes) = (keys::rsa(s), keys::generic(s, 32), keys::aes(s, 32));
    let value = s.get(mac, CKA_VALUE).good();
    let ground = Ground { store: user.fixture.store_path(), rsa, mac, aes, user };
    ground.records(&mut called);
    ground.uses(&mut called);
    ground.logins(&mut called);
    let directory = ground.store.join("audit");
    let secret: &[&[u8]] =
        &[SO_PIN.as_bytes(), USER_PIN.as_bytes(), b"another PIN", &[7; 32], &value];
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in secret {
            let hex = hex::encode(secret);
            let base64 = openssl::base64::encode_block(secret);
            for needle in [secret, hex.as_bytes(), base64.trim_end_matches('=').as_bytes()] {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{path:?} has {needle:?}");
            }
        }
    }
}

impl Ground {
    fn records(&self, called: &mut impl FnMut(&'static str)) {
        for on_token in [false, true] {
            let place = template! { CKA_TOKEN => on_token, CKA_LABEL => "made here" };
            self.objects(&place);
            self.keys(&place);
        }
        for name in [
            "C_CreateObject",
            "C_CopyObject",
            "C_SetAttributeValue",
            "C_DestroyObject",
            "C_GenerateKey",
            "C_GenerateKeyPair",
            "C_WrapKey",
            "C_UnwrapKey",
            "C_DeriveKey",
        ] {
            called(name);
        }
        self.reading(called);
        self.sharing(called);
        self.authenticated(called);
    }

    fn objects(&self, place: &Template) {
        let s = self.user.session;
        let data = template! { CKA_CLASS => CKO_DATA }.and(place);
        let mut made = Obj(0);
        self.one("C_CreateObject", || made = s.create(&data).good());
        self.one("C_CopyObject", || {
            s.copy(made, &Template::default()).good();
        });
        self.one("C_SetAttributeValue", || s.set(made, &template! { CKA_LABEL => "other" }).good());
        self.one("C_DestroyObject", || s.destroy(made).good());
    }

    fn keys(&self, place: &Template) {
        let (s, kek) = (self.user.session, Mech::plain(CKM_AES_KEY_WRAP));
        let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
        let mut key = Obj(0);
        self.one("C_GenerateKey", || key = keys::aes_with(s, 32, &keys::open().and(place)));
        self.one("C_GenerateKeyPair", || {
            keys::pair_with(s, &ec::P256, place, place);
        });
        let mut wrapped = Vec::new();
        self.one("C_WrapKey", || wrapped = s.wrap(&kek, self.aes, key).good());
        self.one("C_UnwrapKey", || {
            s.unwrap(&kek, self.aes, &wrapped, &secret.and(place)).good();
        });
        self.one("C_DeriveKey", || {
            let mech = Mech::plain(CKM_SHA256_KEY_DERIVATION);
            s.derive(&mech, self.mac, place).good();
        });
    }

    fn reading(&self, called: &mut impl FnMut(&'static str)) {
        let s = self.user.session;
        self.one("C_GetAttributeValue", || assert_eq!(s.get(self.mac, CKA_VALUE).good().len(), 32));
        let before = records(&self.store).len();
        s.get(self.mac, CKA_LABEL).good();
        s.get(self.rsa.0, CKA_MODULUS).good();
        assert!(
            since(&self.store, before).is_empty(),
            "what is no secret is read and not recorded"
        );
        called("C_GetAttributeValue");
    }

    fn sharing(&self, called: &mut impl FnMut(&'static str)) {
        let s = self.user.session;
        let pair = Mech::plain(CKM_ML_KEM_KEY_PAIR_GEN);
        let set = template! { CKA_PARAMETER_SET => CKP_ML_KEM_768 };
        let (public, private) = s.generate_pair(&pair, &set, &Template::default()).good();
        let (kem, mut ciphertext) = (Mech::plain(CKM_ML_KEM), Vec::new());
        let shared = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
        self.one("C_EncapsulateKey", || ciphertext = s.encapsulate(&kem, public, &shared).good().0);
        self.one("C_DecapsulateKey", || {
            s.decapsulate(&kem, private, &ciphertext, &shared).good();
        });
        called("C_EncapsulateKey");
        called("C_DecapsulateKey");
    }

    fn authenticated(&self, called: &mut impl FnMut(&'static str)) {
        let (s, gcm) = (self.user.session, GcmMessage::new(9));
        let pair = (self.aes, keys::aes(s, 16));
        let mut wrapped = Vec::new();
        self.one("C_WrapKeyAuthenticated", || {
            let output = s.wrap_authenticated(gcm.mechanism(), pair, b"", Room::Bytes(64));
            wrapped = output.taken().good();
        });
        self.one("C_UnwrapKeyAuthenticated", || {
            let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
            let asked = (&secret, &b""[..]);
            s.unwrap_authenticated(gcm.mechanism(), self.aes, &wrapped, asked).good();
        });
        called("C_WrapKeyAuthenticated");
        called("C_UnwrapKeyAuthenticated");
    }

    fn uses(&self, called: &mut impl FnMut(&'static str)) {
        self.ciphers();
        self.signatures();
        self.recoveries();
        self.signed_messages();
        for name in [
            "C_Encrypt",
            "C_EncryptUpdate",
            "C_EncryptFinal",
            "C_Decrypt",
            "C_DecryptUpdate",
            "C_DecryptFinal",
            "C_Verify",
            "C_VerifyFinal",
            "C_VerifySignature",
            "C_VerifySignatureFinal",
            "C_SignRecoverInit",
            "C_SignRecover",
            "C_VerifyRecoverInit",
            "C_VerifyRecover",
            "C_VerifyMessage",
            "C_VerifyMessageNext",
        ] {
            called(name);
        }
        self.message(called);
        self.digest_key(called);
    }

    fn ciphers(&self) {
        let (cbc, data) = (Mech::iv(CKM_AES_CBC, &[1; 16]), [7; 32]);
        let mut sealed = Vec::new();
        self.use_of("C_Encrypt", |s| sealed = s.encrypt(&cbc, self.aes, &data).good());
        self.use_of("C_Decrypt", |s| drop(s.decrypt(&cbc, self.aes, &sealed).good()));
        self.use_of("C_Encrypt", |s| {
            drop(s.parts(Kind::Encrypt, &cbc, Some(self.aes), &[&data, &data]).good());
        });
        self.use_of("C_Decrypt", |s| {
            s.start(Kind::Decrypt, &cbc, Some(self.aes)).good();
            // What was decrypted has left, though nobody asks for the end.
            drop(s.update_out(Kind::Decrypt, &sealed, Room::Bytes(64)).taken().good());
        });
    }

    fn signatures(&self) {
        let (hmac, data) = (Mech::plain(CKM_SHA256_HMAC), [7; 32]);
        let mut tag = Vec::new();
        self.use_of("C_Sign", |s| tag = s.sign(&hmac, self.mac, &data).good());
        self.use_of("C_Sign", |s| drop(s.parts(Kind::Sign, &hmac, Some(self.mac), &[&data])));
        self.use_of("C_Verify", |s| s.verify(&hmac, self.mac, &data, &tag).good());
        self.use_of("C_Verify", |s| s.verify_parts(&hmac, self.mac, &[&data], &tag).good());
        for last in [false, true] {
            self.use_of("C_VerifySignature", |s| {
                s.verify_signature_init(&hmac, self.mac, &tag).good();
                if last {
                    outcome(p11!(C_VerifySignatureUpdate(s.0, bytes(&data), 32))).good();
                    return outcome(p11!(C_VerifySignatureFinal(s.0))).good();
                }
                outcome(p11!(C_VerifySignature(s.0, bytes(&data), 32))).good();
            });
        }
    }

    fn recoveries(&self) {
        let ((public, private), pkcs, data) = (self.rsa, Mech::plain(CKM_RSA_PKCS), [7; 32]);
        let mut recoverable = Vec::new();
        self.use_of("C_SignRecover", |s| {
            recoverable = s.sign_recover(&pkcs, private, &data).good();
        });
        self.use_of("C_VerifyRecover", |s| {
            drop(s.verify_recover(&pkcs, public, &recoverable).good());
        });
    }

    fn signed_messages(&self) {
        let (hmac, data) = (Mech::plain(CKM_SHA256_HMAC), [7; 32]);
        let mut tag = Vec::new();
        self.use_of("C_SignMessage", |s| {
            s.many(Many::Sign, Some(&hmac), Some(self.mac)).good();
            tag = s.sign_message(&data, Room::Bytes(64)).taken().good();
        });
        self.use_of("C_VerifyMessage", |s| {
            s.many(Many::Verify, Some(&hmac), Some(self.mac)).good();
            s.verify_message(&data, &tag).good();
        });
        self.use_of("C_VerifyMessage", |s| {
            s.many(Many::Verify, Some(&hmac), Some(self.mac)).good();
            s.message_begin(Many::Verify).good();
            s.verify_message_next(&data, Some(&tag)).good();
        });
    }

    fn digest_key(&self, called: &mut impl FnMut(&'static str)) {
        self.use_of("C_DigestKey", |s| {
            s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
            outcome(p11!(C_DigestKey(s.0, self.mac.0))).good();
        });
        called("C_DigestKey");
    }

    /// A message that is encrypted is decrypted again.
    fn message(&self, called: &mut impl FnMut(&'static str)) {
        let (params, data) = (GcmMessage::new(8), [7; 32]);
        let (at, size) = params.raw();
        let (gcm, none) = (Mech::plain(CKM_AES_GCM), std::ptr::null_mut());
        let mut sealed = Vec::new();
        self.use_of("C_EncryptMessage", |s| {
            s.many(Many::Encrypt, Some(&gcm), Some(self.aes)).good();
            let call = |out, room: &mut CK_ULONG| {
                p11!(C_EncryptMessage(s.0, at, size, none, 0, bytes(&data), 32, out, room))
            };
            sealed = Room::Bytes(32).filled(call).taken().good();
        });
        self.use_of("C_DecryptMessage", |s| {
            s.many(Many::Decrypt, Some(&gcm), Some(self.aes)).good();
            let call = |out, room: &mut CK_ULONG| {
                p11!(C_DecryptMessage(s.0, at, size, none, 0, bytes(&sealed), 32, out, room))
            };
            drop(Room::Bytes(32).filled(call).taken().good());
        });
        self.use_of("C_DecryptMessage", |s| {
            s.many(Many::Decrypt, Some(&gcm), Some(self.aes)).good();
            outcome(p11!(C_DecryptMessageBegin(s.0, at, size, none, 0))).good();
            let (from, end) = (bytes(&sealed), CKF_END_OF_MESSAGE);
            let call = |out, room: &mut CK_ULONG| {
                p11!(C_DecryptMessageNext(s.0, at, size, from, 32, out, room, end))
            };
            drop(Room::Bytes(32).filled(call).taken().good());
        });
        for name in ["C_EncryptMessage", "C_DecryptMessage", "C_DecryptMessageNext"] {
            called(name);
        }
    }

    fn logins(&self, called: &mut impl FnMut(&'static str)) {
        let s = self.user.session;
        self.one("C_SetPIN", || s.set_pin(USER_PIN, "another PIN").good());
        self.one("C_Logout", || s.logout().good());
        self.one("C_Login", || s.login(CKU_SO, SO_PIN).good());
        self.one("C_InitPIN", || s.init_pin(USER_PIN).good());
        s.logout().good();
        self.one("C_LoginUser", || s.login_user(CKU_USER, USER_PIN, "").good());
        s.close().good();
        let slot = self.user.token.slot;
        self.one("C_InitToken", || session::init_token(slot, SO_PIN, "anew").good());
        let empty = self.user.fixture.empty_slot();
        self.one("C_InitToken", || session::init_token(empty, SO_PIN, "second").good());
        for name in ["C_SetPIN", "C_Logout", "C_Login", "C_InitPIN", "C_LoginUser", "C_InitToken"] {
            called(name);
        }
    }

    /// A call leaves one record, of itself.
    fn one(&self, op: &str, call: impl FnOnce()) {
        let before = records(&self.store).len();
        call();
        let new = since(&self.store, before);
        assert_eq!(outcomes(&new, op), ["CKR_OK"], "{op} left {new:#?}");
        // Another token has another security officer, who can check the log from then on.
        let renewed = of(&new, "audit.renew").len();
        assert_eq!(renewed, usize::from(op == "C_InitToken"), "{op}: {new:#?}");
        let own = |record: &&serde_json::Value| counts(record) || record["op"] == op;
        assert_eq!(new.iter().filter(own).count() + renewed, new.len(), "{op}: {new:#?}");
    }

    /// What is done in a session counts once, and leaves nothing else.
    fn use_of(&self, op: &str, call: impl FnOnce(Session)) {
        let before = records(&self.store).len();
        let session = self.user.token.public();
        call(session);
        session.close().good();
        let new = since(&self.store, before);
        assert_eq!(counted(&new, op), 1, "{op} left {new:#?}");
        assert_eq!(new.len(), 1, "{op} left {new:#?}");
        let record = &new[0];
        assert!(record["key"]["id"].is_string() && record["mechanism"].is_string(), "{record}");
        assert_eq!(record["who"]["role"], "user");
    }
}

/// Of uses, which are recorded when a second is up.
fn counts(record: &serde_json::Value) -> bool {
    !record["details"]["count"].is_null()
}
