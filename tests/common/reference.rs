// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The reference: OpenSSL called directly, in the test's own copy of it.

use super::ec::{Curve, Family, octets};
use super::{Answer, Obj, Session};
use cryptoki_sys::*;
use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::symm::{Cipher, Crypter, Mode};

/// An RSA private key.
pub type Rsa = openssl::rsa::Rsa<Private>;

/// The tests' own RSA key of 2048 bits.
pub fn rsa() -> Rsa {
    let pem = include_bytes!("../vectors/rsa2048.pem");
    Rsa::private_key_from_pem(pem).expect("RSA key of the tests")
}

/// A hash function by its digest mechanism.
pub fn hash(mechanism: CK_MECHANISM_TYPE) -> MessageDigest {
    match mechanism {
        CKM_SHA_1 => MessageDigest::sha1(),
        CKM_SHA224 => MessageDigest::sha224(),
        CKM_SHA256 => MessageDigest::sha256(),
        CKM_SHA384 => MessageDigest::sha384(),
        CKM_SHA512 => MessageDigest::sha512(),
        CKM_SHA3_224 => MessageDigest::sha3_224(),
        CKM_SHA3_256 => MessageDigest::sha3_256(),
        CKM_SHA3_384 => MessageDigest::sha3_384(),
        CKM_SHA3_512 => MessageDigest::sha3_512(),
        other => panic!("{other:#x} is no digest of these tests"),
    }
}

/// The digest of data.
pub fn digest(mechanism: CK_MECHANISM_TYPE, data: &[u8]) -> Vec<u8> {
    openssl::hash::hash(hash(mechanism), data).expect("digest").to_vec()
}

/// The public key of a token's object, from its attributes.
pub fn public_key(session: Session, key: Obj, curve: &Curve) -> PKey<Public> {
    let point = octets(&session.get(key, CKA_EC_POINT).good_for("CKA_EC_POINT"));
    public_from_point(curve, &point)
}

/// A public key from its point or public bytes.
pub fn public_from_point(curve: &Curve, point: &[u8]) -> PKey<Public> {
    match curve.family {
        Family::Weierstrass(nid) => {
            let group = EcGroup::from_curve_name(nid).expect("curve");
            let mut context = BigNumContext::new().expect("context");
            let point = EcPoint::from_bytes(&group, point, &mut context).expect("point on curve");
            let key = EcKey::from_public_key(&group, &point).expect("public key");
            PKey::from_ec_key(key).expect("public key")
        }
        Family::Edwards(id) | Family::Montgomery(id) => {
            PKey::public_key_from_raw_bytes(point, id).expect("public key")
        }
    }
}

/// A fresh key pair on a curve.
pub fn generate(curve: &Curve) -> PKey<Private> {
    match curve.family {
        Family::Weierstrass(nid) => {
            let group = EcGroup::from_curve_name(nid).expect("curve");
            PKey::from_ec_key(EcKey::generate(&group).expect("key")).expect("key")
        }
        Family::Edwards(id) if id == openssl::pkey::Id::ED25519 => {
            PKey::generate_ed25519().expect("key")
        }
        Family::Edwards(_) => PKey::generate_ed448().expect("key"),
        Family::Montgomery(id) if id == openssl::pkey::Id::X25519 => {
            PKey::generate_x25519().expect("key")
        }
        Family::Montgomery(_) => PKey::generate_x448().expect("key"),
    }
}

/// The public point of a key: uncompressed, or the family's own bytes.
pub fn point(curve: &Curve, key: &PKey<Private>) -> Vec<u8> {
    let Family::Weierstrass(_) = curve.family else {
        return key.raw_public_key().expect("public bytes");
    };
    let key = key.ec_key().expect("EC key");
    let mut context = BigNumContext::new().expect("context");
    let form = PointConversionForm::UNCOMPRESSED;
    key.public_key().to_bytes(key.group(), form, &mut context).expect("point")
}

/// The private value of a key: a number with the field's width, or the family's own bytes.
pub fn private_value(curve: &Curve, key: &PKey<Private>) -> Vec<u8> {
    let Family::Weierstrass(_) = curve.family else {
        return key.raw_private_key().expect("private bytes");
    };
    let key = key.ec_key().expect("EC key");
    key.private_key().to_vec_padded(curve.size as i32).expect("private value")
}

/// Checks an ECDSA signature (r, s side by side) over a digest.
pub fn ecdsa_verifies(key: &PKey<Public>, digest: &[u8], signature: &[u8]) -> bool {
    let (r, s) = signature.split_at(signature.len() / 2);
    let (r, s) = (BigNum::from_slice(r).expect("r"), BigNum::from_slice(s).expect("s"));
    let signature = EcdsaSig::from_private_components(r, s).expect("signature");
    signature.verify(digest, &key.ec_key().expect("EC key")).expect("verification")
}

/// Signs a digest by ECDSA: r, s side by side.
pub fn ecdsa_sign(curve: &Curve, key: &PKey<Private>, digest: &[u8]) -> Vec<u8> {
    let signature = EcdsaSig::sign(digest, &key.ec_key().expect("EC key")).expect("signature");
    let size = curve.size as i32;
    let mut both = signature.r().to_vec_padded(size).expect("r");
    both.extend(signature.s().to_vec_padded(size).expect("s"));
    both
}

/// The shared secret of two keys.
pub fn agree(own: &PKey<Private>, other: &PKey<Public>) -> Vec<u8> {
    let mut deriver = Deriver::new(own).expect("deriver");
    deriver.set_peer(other).expect("peer");
    deriver.derive_to_vec().expect("shared secret")
}

/// A block cipher without padding, in either direction.
pub fn cipher(cipher: Cipher, mode: Mode, key: &[u8], iv: Option<&[u8]>, data: &[u8]) -> Vec<u8> {
    let mut crypter = Crypter::new(cipher, mode, key, iv).expect("cipher");
    crypter.pad(false);
    let mut output = vec![0; data.len() + cipher.block_size()];
    let mut count = crypter.update(data, &mut output).expect("cipher");
    count += crypter.finalize(&mut output[count..]).expect("cipher");
    output.truncate(count);
    output
}

/// AES key wrap with padding (RFC 5649), in either direction; none where it does not open.
pub fn kwp(key: &[u8], mode: Mode, data: &[u8]) -> Option<Vec<u8>> {
    use openssl::cipher::Cipher;
    let cipher = match key.len() {
        16 => Cipher::aes_128_wrap_pad(),
        24 => Cipher::aes_192_wrap_pad(),
        32 => Cipher::aes_256_wrap_pad(),
        other => panic!("{other} bytes are no AES key"),
    };
    let mut context = openssl::cipher_ctx::CipherCtx::new().expect("context");
    context.set_flags(openssl::cipher_ctx::CipherCtxFlags::FLAG_WRAP_ALLOW);
    match mode {
        Mode::Encrypt => context.encrypt_init(Some(cipher), Some(key), None).expect("cipher"),
        Mode::Decrypt => context.decrypt_init(Some(cipher), Some(key), None).expect("cipher"),
    }
    let mut output = Vec::new();
    context.cipher_update_vec(data, &mut output).ok()?;
    Some(output)
}

/// AES by the length of its key: electronic codebook.
pub fn aes_ecb(key: &[u8]) -> Cipher {
    match key.len() {
        16 => Cipher::aes_128_ecb(),
        24 => Cipher::aes_192_ecb(),
        32 => Cipher::aes_256_ecb(),
        other => panic!("{other} bytes are no AES key"),
    }
}

/// The message authentication code of data.
pub fn hmac(mechanism: CK_MECHANISM_TYPE, key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("HMAC key");
    let mut signer = openssl::sign::Signer::new(hash(mechanism), &key).expect("HMAC");
    signer.sign_oneshot_to_vec(data).expect("HMAC")
}
