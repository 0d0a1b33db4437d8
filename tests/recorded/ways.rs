// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ways of a secret through each function that hears one: by that function alone, so that what is not heard
//! there is not found. Each tells the secret; what else was heard on the way is forgotten.

use crate::common::message::{GcmMessage, Many};
use crate::common::operation::{Kind, Room};
use crate::common::*;
use std::ptr::null_mut;

/// What passes, the functions it passes by, and a call that it goes through.
pub type Way = (&'static str, &'static [&'static str], fn(&User) -> Vec<u8>);

#[rustfmt::skip]
pub const WAYS: &[Way] = &[
    ("PIN", &["C_Login"], |user| {
        again(user, |s| s.login(CKU_USER, USER_PIN).good());
        USER_PIN.into()
    }),
    ("wrong PIN", &["C_Login"], |user| {
        again(user, |s| s.login(CKU_USER, "nearly the PIN").gives(CKR_PIN_INCORRECT));
        "nearly the PIN".into()
    }),
    ("PIN of somebody named", &["C_LoginUser"], |user| {
        again(user, |s| s.login_user(CKU_USER, USER_PIN, "").good());
        USER_PIN.into()
    }),
    ("PIN that is too long for the token", &["C_SetPIN"], |user| {
        user.session.set_pin(USER_PIN, &"length".repeat(60)).gives(CKR_PIN_LEN_RANGE);
        "length".repeat(60).into()
    }),
    ("new PIN", &["C_SetPIN"], |user| {
        user.session.set_pin(USER_PIN, "quite another PIN").good();
        user.session.set_pin("quite another PIN", USER_PIN).good();
        "quite another PIN".into()
    }),
    ("PIN from the security officer", &["C_InitPIN"], |user| {
        again(user, |s| {
            s.login(CKU_SO, SO_PIN).good();
            s.init_pin("a PIN for a day").good();
            s.init_pin(USER_PIN).good();
        });
        "a PIN for a day".into()
    }),
    ("PIN of a new token", &["C_InitToken"], |user| {
        session::init_token(user.fixture.empty_slot(), "security officer", "second").good();
        "security officer".into()
    }),
    ("value of a key that is made", &["C_CreateObject"], |user| {
        keys::secret(user.session, CKK_AES, &value());
        value()
    }),
    ("value of a key that is refused", &["C_CreateObject"], |user| {
        let wrong = keys::open().with(CKA_VALUE_LEN, 7 as CK_ULONG);
        assert!(keys::try_secret(user.session, CKK_AES, &value(), &wrong).is_err());
        value()
    }),
    ("value of a key that is read", &["C_GetAttributeValue"], |user| {
        let key = keys::secret(user.session, CKK_AES, &value());
        forget();
        user.session.get(key, CKA_VALUE).good()
    }),
    ("value that is given later", &["C_SetAttributeValue"], |user| {
        let data = template! { CKA_CLASS => CKO_DATA, CKA_VALUE => b"the first" };
        let data = user.session.create(&data).good();
        user.session.set(data, &template! { CKA_VALUE => b"the second value" }).good();
        b"the second value".into()
    }),
    ("value that is sought", &["C_FindObjectsInit"], |user| {
        let _ = user.session.find(&template! { CKA_VALUE => value() });
        value()
    }),
    ("value of a key that is copied", &["C_CopyObject"], |user| {
        let key = keys::secret(user.session, CKK_AES, &value());
        forget();
        user.session.copy(key, &Template::default()).good();
        value()
    }),
    ("password of a key", &["C_GenerateKey"], |user| {
        user.session.generate(&password(), &of_password()).good();
        PASSWORD.to_vec()
    }),
    ("value of a key that is generated", &["C_GenerateKey"], |user| {
        unheard(user.session, keys::generic(user.session, 32))
    }),
    ("private value of a pair", &["C_GenerateKeyPair"], |user| {
        unheard(user.session, keys::pair(user.session, &ec::P256).1)
    }),
    ("data that a key is derived with", &["C_DeriveKey"], |user| {
        let base = keys::generic(user.session, 32);
        let more = b"joined to the value".to_vec();
        let by = CK_KEY_DERIVATION_STRING_DATA { pData: bytes(&more), ulLen: len(&more) };
        let mech = Mech::with(CKM_CONCATENATE_BASE_AND_DATA, by, vec![more.clone()]);
        user.session.derive(&mech, base, &generic(51)).good();
        more
    }),
    ("value of a key that is derived", &["C_DeriveKey"], |user| {
        let base = keys::secret(user.session, CKK_GENERIC_SECRET, &value());
        forget();
        let mech = Mech::plain(CKM_SHA256_KEY_DERIVATION);
        user.session.derive(&mech, base, &generic(32)).good();
        reference::digest(CKM_SHA256, &value())
    }),
    ("value of a key that is unwrapped", &["C_UnwrapKey"], |user| {
        let (s, mech) = (user.session, Mech::plain(CKM_AES_KEY_WRAP));
        let (by, key) = (keys::aes(s, 32), keys::secret(s, CKK_AES, &value()));
        let wrapped = s.wrap(&mech, by, key).good();
        forget();
        s.unwrap(&mech, by, &wrapped, &aes()).good();
        value()
    }),
    ("value of a key that is unwrapped and its data", &["C_UnwrapKeyAuthenticated"], |user| {
        let s = user.session;
        let (by, key) = (keys::aes(s, 32), keys::secret(s, CKK_AES, &value()));
        let gcm = GcmMessage::new(5);
        let wrapped = s.wrap_authenticated(gcm.mechanism(), (by, key), b"", Room::Bytes(64));
        let wrapped = wrapped.taken().good();
        forget();
        s.unwrap_authenticated(gcm.mechanism(), by, &wrapped, (&aes(), b"")).good();
        value()
    }),
    ("value of a key that is encapsulated", &["C_EncapsulateKey"], |user| {
        let (public, _) = keys::pair(user.session, &ec::P256);
        forget();
        let (_, key) = user.session.encapsulate(&share(), public, &generic(32)).good();
        unheard(user.session, key)
    }),
    ("value of a key that is decapsulated", &["C_DecapsulateKey"], |user| {
        let (public, private) = keys::pair(user.session, &ec::P256);
        let (sealed, _) = user.session.encapsulate(&share(), public, &generic(32)).good();
        forget();
        let key = user.session.decapsulate(&share(), private, &sealed, &generic(32)).good();
        unheard(user.session, key)
    }),
    ("plaintext", &["C_Encrypt"], |user| {
        user.session.encrypt(&ctr(), keys::aes(user.session, 32), TEXT).good();
        TEXT.to_vec()
    }),
    ("part of a plaintext", &["C_EncryptUpdate"], |user| {
        let s = begun(user, Kind::Encrypt);
        s.update_out(Kind::Encrypt, TEXT, Room::Bytes(64)).taken().good();
        ended(s, TEXT.to_vec())
    }),
    ("what was decrypted", &["C_Decrypt"], |user| {
        user.session.decrypt(&ctr(), keys::aes(user.session, 32), &[9; 32]).good()
    }),
    ("part of what was decrypted", &["C_DecryptUpdate"], |user| {
        let s = begun(user, Kind::Decrypt);
        let part = s.update_out(Kind::Decrypt, &[9; 32], Room::Bytes(64)).taken().good();
        ended(s, part)
    }),
    ("end of what was decrypted", &["C_DecryptFinal"], |user| {
        let (s, mech) = (user.session, Mech::iv(CKM_AES_CBC_PAD, &[1; 16]));
        let (key, whole) = (keys::aes(s, 32), b"a block of bytes and what ends.");
        let sealed = s.encrypt(&mech, key, whole).good();
        forget();
        s.start(Kind::Decrypt, &mech, Some(key)).good();
        let first = s.update_out(Kind::Decrypt, &sealed, Room::Bytes(64)).taken().good();
        let last = s.finish(Kind::Decrypt, Room::Bytes(64)).taken().good();
        assert_eq!((&first[..], &last[..]), whole.split_at(16));
        last
    }),
    ("message in a signature", &["C_SignRecover"], |user| {
        let (_, private) = keys::rsa(user.session);
        user.session.sign_recover(&Mech::plain(CKM_RSA_PKCS), private, TEXT).good();
        TEXT.to_vec()
    }),
    ("message from a signature", &["C_VerifyRecover"], |user| {
        let (s, raw) = (user.session, Mech::plain(CKM_RSA_PKCS));
        let (public, private) = keys::rsa(s);
        let signature = s.sign_recover(&raw, private, TEXT).good();
        forget();
        s.verify_recover(&raw, public, &signature).good()
    }),
    ("what is digested and encrypted", &["C_DigestEncryptUpdate"], |user| {
        let s = both(user, Kind::Digest, Kind::Encrypt);
        dual(|out, room| p11!(C_DigestEncryptUpdate(s.0, bytes(TEXT), len(TEXT), out, room)));
        ended(s, TEXT.to_vec())
    }),
    ("what is signed and encrypted", &["C_SignEncryptUpdate"], |user| {
        let s = both(user, Kind::Sign, Kind::Encrypt);
        dual(|out, room| p11!(C_SignEncryptUpdate(s.0, bytes(TEXT), len(TEXT), out, room)));
        ended(s, TEXT.to_vec())
    }),
    ("what was decrypted and digested", &["C_DecryptDigestUpdate"], |user| {
        let s = both(user, Kind::Digest, Kind::Decrypt);
        let out =
            dual(|out, room| p11!(C_DecryptDigestUpdate(s.0, bytes(TEXT), len(TEXT), out, room)));
        ended(s, out)
    }),
    ("what was decrypted and verified", &["C_DecryptVerifyUpdate"], |user| {
        let s = both(user, Kind::Verify, Kind::Decrypt);
        let out =
            dual(|out, room| p11!(C_DecryptVerifyUpdate(s.0, bytes(TEXT), len(TEXT), out, room)));
        ended(s, out)
    }),
    ("message", &["C_EncryptMessage"], |user| {
        let (s, gcm) = process(user, Many::Encrypt, keys::aes(user.session, 32));
        let ((at, size), none) = (gcm.raw(), null_mut());
        dual(|out, room| {
            p11!(C_EncryptMessage(s.0, at, size, none, 0, bytes(TEXT), len(TEXT), out, room))
        });
        ended(s, TEXT.to_vec())
    }),
    ("part of a message", &["C_EncryptMessageNext"], |user| {
        let (s, gcm) = process(user, Many::Encrypt, keys::aes(user.session, 32));
        sealed(s, &gcm);
        ended(s, TEXT.to_vec())
    }),
    ("message that was decrypted", &["C_DecryptMessage"], |user| {
        let (s, gcm, data) = to_open(user);
        let ((at, size), none) = (gcm.raw(), null_mut());
        let (data, count) = (bytes(&data), len(&data));
        let out = dual(|out, room| {
            p11!(C_DecryptMessage(s.0, at, size, none, 0, data, count, out, room))
        });
        ended(s, out)
    }),
    ("part of a message that was decrypted", &["C_DecryptMessageNext"], |user| {
        let (s, gcm, data) = to_open(user);
        let ((at, size), end) = (gcm.raw(), CKF_END_OF_MESSAGE);
        let (data, count) = (bytes(&data), len(&data));
        outcome(p11!(C_DecryptMessageBegin(s.0, at, size, null_mut(), 0))).good();
        let out = dual(|out, room| {
            p11!(C_DecryptMessageNext(s.0, at, size, data, count, out, room, end))
        });
        ended(s, out)
    }),
    ("state of an operation", &["C_GetOperationState"], |user| {
        let state = saved(user.session);
        ended(user.session, state)
    }),
    ("state that is given back", &["C_SetOperationState"], |user| {
        let (s, state) = (user.session, saved(user.session));
        forget();
        outcome(p11!(C_SetOperationState(s.0, bytes(&state), len(&state), 0, 0))).good();
        ended(s, state)
    }),
    ("seed", &["C_SeedRandom"], |user| {
        outcome(p11!(C_SeedRandom(user.session.0, bytes(TEXT), len(TEXT)))).good();
        TEXT.to_vec()
    }),
    ("random bytes", &["C_GenerateRandom"], |user| user.session.random(32).good()),
];

/// What was heard is looked for no more.
pub fn forget() {
    heard::found(std::path::Path::new("/nonexistent"));
}

/// The user goes, something is done, and the user comes again, whose PIN is not heard.
fn again(user: &User, meanwhile: impl FnOnce(Session)) {
    let s = user.session;
    s.logout().good();
    forget();
    meanwhile(s);
    let _ = s.logout();
    let pin = USER_PIN.as_bytes();
    outcome(hearing::own!(C_Login(s.0, CKU_USER, bytes(pin), len(pin)))).good();
}

/// A key's value, by the library's own function.
fn unheard(s: Session, key: Obj) -> Vec<u8> {
    let mut value = vec![0; 64];
    let mut row = CK_ATTRIBUTE {
        type_: CKA_VALUE,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: len(&value),
    };
    outcome(hearing::own!(C_GetAttributeValue(s.0, key.0, &mut row, 1))).good();
    value.truncate(row.ulValueLen as usize);
    value
}

fn value() -> Vec<u8> {
    (100..132).collect()
}

fn generic(length: CK_ULONG) -> Template {
    template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_VALUE_LEN => length,
    }
    .and(&keys::open())
}

fn aes() -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES }.and(&keys::open())
}

fn share() -> Mech {
    Mech::ecdh(CKD_NULL, b"", b"")
}

fn ctr() -> Mech {
    Mech::ctr(128, [1; 16])
}

fn of_password() -> Template {
    template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG }
}

fn password() -> Mech {
    let (password, salt) = (PASSWORD.to_vec(), b"a salt".to_vec());
    let parameter = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: bytes(&salt).cast(),
        ulSaltSourceDataLen: len(&salt),
        iterations: 2,
        prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
        pPrfData: null_mut(),
        ulPrfDataLen: 0,
        pPassword: bytes(&password),
        ulPasswordLen: len(&password),
    };
    Mech::with(CKM_PKCS5_PBKD2, parameter, vec![password, salt])
}

fn begun(user: &User, kind: Kind) -> Session {
    user.session.start(kind, &ctr(), Some(keys::aes(user.session, 32))).good();
    user.session
}

/// Two operations of which one takes what the other gives.
fn both(user: &User, other: Kind, cipher: Kind) -> Session {
    let s = begun(user, cipher);
    match other {
        Kind::Digest => s.start(other, &Mech::plain(CKM_SHA256), None).good(),
        _ => s.start(other, &Mech::plain(CKM_SHA256_HMAC), Some(keys::generic(s, 32))).good(),
    }
    s
}

fn dual(call: impl FnOnce(*mut u8, &mut CK_ULONG) -> CK_RV) -> Vec<u8> {
    Room::Bytes(64).filled(call).taken().good()
}

fn process(user: &User, kind: Many, key: Obj) -> (Session, GcmMessage) {
    user.session.many(kind, Some(&Mech::plain(CKM_AES_GCM)), Some(key)).good();
    (user.session, GcmMessage::new(6))
}

/// A message by its parts.
fn sealed(s: Session, gcm: &GcmMessage) -> Vec<u8> {
    let ((at, size), end) = (gcm.raw(), CKF_END_OF_MESSAGE);
    outcome(p11!(C_EncryptMessageBegin(s.0, at, size, null_mut(), 0))).good();
    dual(|out, room| {
        p11!(C_EncryptMessageNext(s.0, at, size, bytes(TEXT), len(TEXT), out, room, end))
    })
}

/// A process that decrypts, and a message for it whose plaintext is forgotten.
fn to_open(user: &User) -> (Session, GcmMessage, Vec<u8>) {
    let key = keys::aes(user.session, 32);
    let (s, gcm) = process(user, Many::Encrypt, key);
    let data = sealed(s, &gcm);
    s.many_final(Many::Encrypt).good();
    s.many(Many::Decrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(key)).good();
    forget();
    (s, gcm, data)
}

/// The state of a digest that goes on.
fn saved(s: Session) -> Vec<u8> {
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, TEXT).good();
    let mut room = vec![0; 4096];
    let mut length = len(&room);
    outcome(p11!(C_GetOperationState(s.0, room.as_mut_ptr(), &mut length))).good();
    room.truncate(length as usize);
    room
}

/// Ends what goes on in a session, and gives the secret.
fn ended(s: Session, secret: Vec<u8>) -> Vec<u8> {
    s.cancel(ALL).good();
    secret
}

const TEXT: &[u8] = b"that nobody is told";
const PASSWORD: &[u8] = b"open, says he";
const ALL: CK_FLAGS = CKF_ENCRYPT
    | CKF_DECRYPT
    | CKF_DIGEST
    | CKF_SIGN
    | CKF_VERIFY
    | CKF_MESSAGE_ENCRYPT
    | CKF_MESSAGE_DECRYPT;
