// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys that tests start from.

use super::ec::{Curve, octet_string};
use super::{Answer, Mech, Obj, R, Session, Template, reference, template};
use cryptoki_sys::*;

/// What a session key needs to be read and wrapped again.
pub fn open() -> Template {
    template! { CKA_SENSITIVE => false, CKA_EXTRACTABLE => true }
}

/// A secret key from outside, as a session object that can be read.
pub fn secret(session: Session, kind: CK_KEY_TYPE, value: &[u8]) -> Obj {
    try_secret(session, kind, value, &open()).good_for("C_CreateObject of a secret key")
}

/// A secret key from outside with more attributes.
pub fn try_secret(session: Session, kind: CK_KEY_TYPE, value: &[u8], more: &Template) -> R<Obj> {
    let template =
        template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind, CKA_VALUE => value };
    session.create(&template.and(more))
}

/// A fresh AES key that can be read, as a session object.
pub fn aes(session: Session, bytes: CK_ULONG) -> Obj {
    aes_with(session, bytes, &open())
}

/// A fresh AES key with these attributes.
pub fn aes_with(session: Session, bytes: CK_ULONG, more: &Template) -> Obj {
    let template = template! { CKA_VALUE_LEN => bytes }.and(more);
    session.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).good_for("CKM_AES_KEY_GEN")
}

/// A fresh generic secret that can be read.
pub fn generic(session: Session, bytes: CK_ULONG) -> Obj {
    let template = template! { CKA_VALUE_LEN => bytes }.and(&open());
    let mech = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
    session.generate(&mech, &template).good_for("CKM_GENERIC_SECRET_KEY_GEN")
}

/// A fresh pair on a curve, the private key readable: public, private.
pub fn pair(session: Session, curve: &Curve) -> (Obj, Obj) {
    pair_with(session, curve, &Template::default(), &open())
}

/// A fresh pair on a curve with more attributes.
pub fn pair_with(
    session: Session,
    curve: &Curve,
    public: &Template,
    private: &Template,
) -> (Obj, Obj) {
    let public = template! { CKA_EC_PARAMS => curve.oid }.and(public);
    let pair = session.generate_pair(&Mech::plain(curve.generation), &public, private);
    pair.good_for(curve.name)
}

/// The tests' own RSA key of 2048 bits as session objects: public, private. Its private half is
/// [`reference::rsa`].
pub fn rsa(session: Session) -> (Obj, Obj) {
    let public = session.create(&rsa_public(&reference::rsa())).good_for("RSA public key");
    let private = rsa_private(&reference::rsa()).and(&open());
    (public, session.create(&private).good_for("RSA private key"))
}

/// The template of an RSA public key.
pub fn rsa_public(key: &reference::Rsa) -> Template {
    template! {
        CKA_CLASS => CKO_PUBLIC_KEY,
        CKA_KEY_TYPE => CKK_RSA,
        CKA_MODULUS => key.n().to_vec(),
        CKA_PUBLIC_EXPONENT => key.e().to_vec(),
    }
}

/// The template of an RSA private key with all its numbers.
pub fn rsa_private(key: &reference::Rsa) -> Template {
    let part = |number: Option<&openssl::bn::BigNumRef>| number.expect("CRT value").to_vec();
    template! {
        CKA_CLASS => CKO_PRIVATE_KEY,
        CKA_KEY_TYPE => CKK_RSA,
        CKA_MODULUS => key.n().to_vec(),
        CKA_PUBLIC_EXPONENT => key.e().to_vec(),
        CKA_PRIVATE_EXPONENT => key.d().to_vec(),
        CKA_PRIME_1 => part(key.p()),
        CKA_PRIME_2 => part(key.q()),
        CKA_EXPONENT_1 => part(key.dmp1()),
        CKA_EXPONENT_2 => part(key.dmq1()),
        CKA_COEFFICIENT => part(key.iqmp()),
    }
}

/// The template of a public key on a curve; the point as the curve's family encodes it, raw.
pub fn curve_public(curve: &Curve, point: &[u8]) -> Template {
    template! {
        CKA_CLASS => CKO_PUBLIC_KEY,
        CKA_KEY_TYPE => curve.key_type,
        CKA_EC_PARAMS => curve.oid,
        CKA_EC_POINT => octet_string(point),
    }
}

/// The template of a private key on a curve.
pub fn curve_private(curve: &Curve, value: &[u8]) -> Template {
    template! {
        CKA_CLASS => CKO_PRIVATE_KEY,
        CKA_KEY_TYPE => curve.key_type,
        CKA_EC_PARAMS => curve.oid,
        CKA_VALUE => value,
    }
}
