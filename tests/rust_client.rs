// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An ordinary Rust application: the `cryptoki` crate, without a word of our own caller. So it is not heard:
//! what it gives in and takes out that must be in no log, it says itself.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::{Fixture, SO_PIN, USER_PIN, ec, heard, module, said};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{
    Attribute, AttributeInfo, AttributeType, KeyType, ObjectClass, ObjectHandle,
};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::types::AuthPin;
use std::ffi::CString;
use std::ptr::NonNull;

#[test]
fn an_everyday_life() {
    let life = Life::new();
    let session = life.user();
    signatures(&session);
    encryption(&session);
    wrapping(&session);
    agreement(&session);
    digests_and_random(&session);
    finding_and_destroying(&session);
    session.logout().unwrap();
    session.close().unwrap();
    life.client.clone().finalize().unwrap();
}

#[test]
fn the_token_describes_itself() {
    let life = Life::new();
    let info = life.client.get_library_info().unwrap();
    assert_eq!((info.cryptoki_version().major(), info.cryptoki_version().minor()), (3, 2));
    let slot = life.client.get_slots_with_initialized_token().unwrap()[0];
    let token = life.client.get_token_info(slot).unwrap();
    assert_eq!(token.label(), "rust token");
    assert!(token.rng() && token.login_required() && token.user_pin_initialized());
    assert!(token.token_initialized() && !token.user_pin_locked() && !token.write_protected());
    for kind in life.client.get_mechanism_list(slot).unwrap() {
        life.client.get_mechanism_info(slot, kind).unwrap();
    }
    let info = life.client.get_mechanism_info(slot, MechanismType::RSA_PKCS_KEY_PAIR_GEN).unwrap();
    assert!(info.generate_key_pair() && info.max_key_size() == 8192);
}

#[test]
fn mistakes_have_their_codes() {
    let life = Life::new();
    let session = life.client.open_rw_session(life.slot()).unwrap();
    let wrong = AuthPin::new("not the PIN".into());
    heard::secret(b"not the PIN");
    let refused = session.login(UserType::User, Some(&wrong));
    assert!(matches!(refused, Err(Error::Pkcs11(RvError::PinIncorrect, _))), "{refused:?}");
    let template = [Attribute::ValueLen(32.into()), Attribute::Private(true)];
    let refused = session.generate_key(&Mechanism::AesKeyGen, &template);
    assert!(matches!(refused, Err(Error::Pkcs11(RvError::UserNotLoggedIn, _))), "{refused:?}");
    session.login(UserType::User, Some(&AuthPin::new(USER_PIN.into()))).unwrap();
    assert!(matches!(session.get_session_info().unwrap().session_state(), SessionState::RwUser));
    let key = session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
    let info = session.get_attribute_info(key, &[AttributeType::Value, AttributeType::ValueLen]);
    let info = info.unwrap();
    assert!(matches!(info[0], AttributeInfo::Sensitive), "{info:?}");
    assert!(matches!(info[1], AttributeInfo::Available(8)), "{info:?}");
    session.destroy_object(key).unwrap();
    let refused = session.get_attributes(key, &[AttributeType::Label]);
    assert!(matches!(refused, Err(Error::Pkcs11(RvError::ObjectHandleInvalid, _))), "{refused:?}");
}

struct Life {
    client: Pkcs11,
    // Dropped last: it ends the library, searches the log and removes the store.
    fixture: Fixture,
}

impl Life {
    /// A fresh store and token, made by the client.
    fn new() -> Self {
        let fixture = Fixture::prepared("");
        let client = Pkcs11::new(module::path()).unwrap();
        let reserved = CString::new(fixture.reserved()).unwrap();
        let place = NonNull::new(reserved.as_ptr().cast_mut().cast()).unwrap();
        // SAFETY: the library reads pReserved as a C string, which lives through the call.
        let args =
            unsafe { CInitializeArgs::new_with_reserved(CInitializeFlags::OS_LOCKING_OK, place) };
        said::while_asked(|| client.initialize(args)).unwrap();
        let slot = *client.get_all_slots().unwrap().last().unwrap();
        let (so, user) = (AuthPin::new(SO_PIN.into()), AuthPin::new(USER_PIN.into()));
        client.init_token(slot, &so, "rust token").unwrap();
        let session = client.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&so)).unwrap();
        session.init_pin(&user).unwrap();
        session.logout().unwrap();
        session.close().unwrap();
        Life { client, fixture }
    }

    fn slot(&self) -> cryptoki::slot::Slot {
        self.client.get_slots_with_initialized_token().unwrap()[0]
    }

    fn user(&self) -> Session {
        let session = self.client.open_rw_session(self.slot()).unwrap();
        session.login(UserType::User, Some(&AuthPin::new(USER_PIN.into()))).unwrap();
        session
    }
}

fn signatures(session: &Session) {
    let (public, private) = rsa(session);
    let pss = PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: 32.into(),
    };
    for mechanism in
        [Mechanism::Sha256RsaPkcs, Mechanism::Sha512RsaPkcs, Mechanism::Sha256RsaPkcsPss(pss)]
    {
        let signature = session.sign(&mechanism, private, b"message").unwrap();
        session.verify(&mechanism, public, b"message", &signature).unwrap();
        let refused = session.verify(&mechanism, public, b"Message", &signature);
        assert!(matches!(refused, Err(Error::Pkcs11(RvError::SignatureInvalid, _))), "{refused:?}");
    }
    let (public, private) = curve(session, &ec::P384);
    for mechanism in [Mechanism::Ecdsa, Mechanism::EcdsaSha384] {
        let signature = session.sign(&mechanism, private, &[7; 48]).unwrap();
        assert_eq!(signature.len(), 96);
        session.verify(&mechanism, public, &[7; 48], &signature).unwrap();
    }
    let (public, private) = curve(session, &ec::ED25519);
    let eddsa = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
    session.sign_init(&eddsa, private).unwrap();
    session.sign_update(b"mess").unwrap();
    session.sign_update(b"age").unwrap();
    let signature = session.sign_final().unwrap();
    session.verify(&eddsa, public, b"message", &signature).unwrap();
}

fn encryption(session: &Session) {
    let key = aes(session);
    value(session, key);
    let plain = b"a message of some length, for no block in particular";
    // The second part of it as well.
    [&plain[..], &plain[20..]].iter().for_each(|part| heard::secret(part));
    let mut iv = [5; 12];
    let gcm = Mechanism::AesGcm(GcmParams::new(&mut iv, b"header", 128.into()).unwrap());
    let sealed = session.encrypt(&gcm, key, plain).unwrap();
    assert_eq!(sealed.len(), plain.len() + 16);
    assert_eq!(session.decrypt(&gcm, key, &sealed).unwrap(), plain);
    let pad = Mechanism::AesCbcPad([9; 16]);
    let sealed = session.encrypt(&pad, key, plain).unwrap();
    assert_eq!(session.decrypt(&pad, key, &sealed).unwrap(), plain);
    session.encrypt_init(&pad, key).unwrap();
    let mut parts = session.encrypt_update(&plain[..20]).unwrap();
    parts.extend(session.encrypt_update(&plain[20..]).unwrap());
    parts.extend(session.encrypt_final().unwrap());
    assert_eq!(parts, sealed);
    let (public, private) = rsa(session);
    let oaep = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(
        MechanismType::SHA256,
        PkcsMgfType::MGF1_SHA256,
        PkcsOaepSource::empty(),
    ));
    let sealed = session.encrypt(&oaep, public, b"short").unwrap();
    assert_eq!(session.decrypt(&oaep, private, &sealed).unwrap(), b"short");
}

fn wrapping(session: &Session) {
    let (by, key) = (aes(session), aes(session));
    value(session, by);
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, by, key).unwrap();
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let back = session.unwrap_key(&Mechanism::AesKeyWrap, by, &wrapped, &template).unwrap();
    assert_eq!(value(session, back), value(session, key));
}

fn agreement(session: &Session) {
    let (one, two) = (curve(session, &ec::P256), curve(session, &ec::P256));
    let point = |public: ObjectHandle| match &session
        .get_attributes(public, &[AttributeType::EcPoint])
        .unwrap()[0]
    {
        Attribute::EcPoint(point) => ec::octets(point),
        other => panic!("{other:?}"),
    };
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::ValueLen(32.into()),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let derive = |private, public| {
        let point = point(public);
        let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
        value(session, session.derive_key(&mechanism, private, &template).unwrap())
    };
    assert_eq!(derive(one.1, two.0), derive(two.1, one.0));
}

fn digests_and_random(session: &Session) {
    let digest = session.digest(&Mechanism::Sha256, b"abc").unwrap();
    let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::encode(digest), want);
    let random = [(); 2].map(|()| session.generate_random_vec(32).unwrap());
    random.iter().for_each(|bytes| heard::secret(bytes));
    assert_ne!(random[0], random[1]);
}

fn finding_and_destroying(session: &Session) {
    let label = Attribute::Label(b"found".to_vec());
    for i in 0..30_u8 {
        let template = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            label.clone(),
            Attribute::Value(vec![i]),
        ];
        session.create_object(&template).unwrap();
    }
    let found = session.find_objects(std::slice::from_ref(&label)).unwrap();
    assert_eq!(found.len(), 30);
    let one = session.find_objects(&[label.clone(), Attribute::Value(vec![17])]).unwrap();
    assert_eq!(one.len(), 1);
    session.update_attributes(one[0], &[Attribute::Label(b"renamed".to_vec())]).unwrap();
    assert_eq!(session.find_objects(std::slice::from_ref(&label)).unwrap().len(), 29);
    let copy = session.copy_object(one[0], &[Attribute::Token(false)]).unwrap();
    session.destroy_object(copy).unwrap();
    for object in session.iter_objects(&[]).unwrap() {
        assert!(object.is_ok());
    }
    for object in found {
        session.destroy_object(object).unwrap();
    }
    assert_eq!(session.find_objects(&[label]).unwrap(), []);
}

fn rsa(session: &Session) -> (ObjectHandle, ObjectHandle) {
    let public = [
        Attribute::Token(true),
        Attribute::ModulusBits(2048.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Verify(true),
        Attribute::Encrypt(true),
    ];
    let private = [Attribute::Token(true), Attribute::Sign(true), Attribute::Decrypt(true)];
    session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap()
}

fn curve(session: &Session, curve: &ec::Curve) -> (ObjectHandle, ObjectHandle) {
    let mechanism = match curve.name {
        "Ed25519" => Mechanism::EccEdwardsKeyPairGen,
        _ => Mechanism::EccKeyPairGen,
    };
    let public = [Attribute::EcParams(curve.oid.to_vec()), Attribute::Token(true)];
    session.generate_key_pair(&mechanism, &public, &[Attribute::Token(true)]).unwrap()
}

fn aes(session: &Session) -> ObjectHandle {
    let template =
        [Attribute::ValueLen(32.into()), Attribute::Sensitive(false), Attribute::Extractable(true)];
    session.generate_key(&Mechanism::AesKeyGen, &template).unwrap()
}

fn value(session: &Session, key: ObjectHandle) -> Vec<u8> {
    match &session.get_attributes(key, &[AttributeType::Value]).unwrap()[0] {
        Attribute::Value(value) => {
            heard::secret(value);
            value.clone()
        }
        other => panic!("{other:?}"),
    }
}

/// What this client gives in is found where it must not be.
#[test]
fn what_the_client_gives_is_looked_for() {
    let life = Life::new();
    let session = life.user();
    let value = value(&session, aes(&session));
    let store = life.fixture.directory().join("planted");
    std::fs::create_dir_all(store.join("audit")).unwrap();
    std::fs::write(store.join("audit/note"), hex::encode(value)).unwrap();
    assert!(heard::found(&store).is_some());
}
