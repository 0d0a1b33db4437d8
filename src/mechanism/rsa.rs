// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA: the table, key pair generation and signatures (PKCS #11, section "RSA"; RFC 8017).
//! Encryption is in `rsa_cipher`.

use super::key::Key;
use super::ossl::{Operation, ParamList, Pkey, PkeyCtx, native};
use super::parts::Parts;
use super::signature::{self, Feed, Scheme, Setup};
use super::{
    Does, Filling, Hash, ParamKind, Params, Row, Signer, Spec, Verifier, rsa_aes, rsa_cipher,
    rsa_kem, rsa_key, rsa_recover,
};
use crate::config::RSA_BITS;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use smallvec::SmallVec;
use std::sync::Arc;

macro_rules! signatures {
    ($($hash:ident: $pkcs:ident, $pss:ident;)*) => {
        /// The RSA mechanisms.
        pub const ROWS: &[Row] = &[
            Row {
                does: Does { generate_pair: Some(generate), ..Does::NOTHING },
                ..Row::new(
                    CKM_RSA_PKCS_KEY_PAIR_GEN,
                    "CKM_RSA_PKCS_KEY_PAIR_GEN",
                    RSA,
                    (RSA_BITS.0 as CK_ULONG, RSA_BITS.1 as CK_ULONG),
                )
            },
            Row {
                does: Does {
                    cipher: Some(rsa_cipher::pkcs),
                    wrap: Some(rsa_cipher::pkcs),
                    kem: Some(rsa_kem::ENCRYPTED),
                    ..RECOVERS
                },
                ..Row::new(CKM_RSA_PKCS, "CKM_RSA_PKCS", RSA, SIZES)
            },
            Row {
                filling: Filling::Before,
                does: Does {
                    cipher: Some(rsa_cipher::raw),
                    wrap: Some(rsa_cipher::raw),
                    kem: Some(rsa_kem::NUMBER),
                    ..RECOVERS
                },
                ..Row::new(CKM_RSA_X_509, "CKM_RSA_X_509", RSA, SIZES)
            },
            Row {
                params: ParamKind::Oaep,
                does: Does {
                    cipher: Some(rsa_cipher::oaep),
                    wrap: Some(rsa_cipher::oaep),
                    kem: Some(rsa_kem::ENCRYPTED),
                    ..Does::NOTHING
                },
                ..Row::new(CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP", RSA, SIZES)
            },
            Row {
                params: ParamKind::RsaAesWrap,
                does: Does { wrap: Some(rsa_aes::wrap), ..Does::NOTHING },
                ..Row::new(CKM_RSA_AES_KEY_WRAP, "CKM_RSA_AES_KEY_WRAP", RSA, SIZES)
            },
            Row {
                params: ParamKind::Pss,
                does: SIGNS,
                ..Row::new(CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", RSA, SIZES)
            },
            $(
                Row {
                    hash: Some(Hash::$hash),
                    does: SIGNS,
                    ..Row::new($pkcs, stringify!($pkcs), RSA, SIZES)
                },
                Row {
                    params: ParamKind::Pss,
                    hash: Some(Hash::$hash),
                    does: SIGNS,
                    ..Row::new($pss, stringify!($pss), RSA, SIZES)
                },
            )*
        ];
    };
}

signatures! {
    Sha1: CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS;
    Sha224: CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS;
    Sha256: CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS;
    Sha384: CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS;
    Sha512: CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS;
    Sha3_224: CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS;
    Sha3_256: CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS;
    Sha3_384: CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS;
    Sha3_512: CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS;
}

const SIGNS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };

const RECOVERS: Does =
    Does { sign_recover: Some(sign), verify_recover: Some(rsa_recover::verify), ..SIGNS };

/// A new key pair of `CKA_MODULUS_BITS`, with `CKA_PUBLIC_EXPONENT` or 65537.
fn generate(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<(Parts, Parts)> {
    let bits = spec.modulus_bits.ok_or(Error::TemplateIncomplete)?;
    let exponent = spec.public_exponent.as_deref().map_or(F4, rsa_key::minimal);
    // FIPS 186-5, section A.1.1: odd and above 2^16. OpenSSL takes 64 bits at most with a large
    // modulus (`OPENSSL_RSA_MAX_PUBEXP_BITS`), and nobody uses more with a small one.
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    let usable = odd && (17..=64).contains(&rsa_key::bit_length(exponent));
    if !(RSA_BITS.0..=RSA_BITS.1).contains(&bits) || bits % 8 != 0 {
        return Err(Error::AttributeValueInvalid);
    }
    if !usable {
        return Err(Error::TemplateInconsistent);
    }
    let (bits, exponent) = (bits as u64, native(exponent)?);
    let params = ParamList::new().number(c"bits", &bits).integer(c"e", &exponent);
    let key = Pkey::generate(c"RSA", &params)?;
    Ok((
        Parts::RsaPublic(rsa_key::public_parts(&key)?),
        Parts::RsaPrivate(rsa_key::private_parts(&key)?),
    ))
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    // Keys below today's strength verify what they signed once, and sign no more.
    if key.bits() < RSA_BITS.0 {
        return Err(Error::KeySizeRange);
    }
    let (padding, scheme) = begin(row, key, params)?;
    let setup = padding.setup(Operation::Sign);
    signature::signer(row, key, setup, feed(row), scheme)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let (padding, scheme) = begin(row, key, params)?;
    let setup = match scheme.takes {
        Takes::Exactly(_) => padding.setup(Operation::Verify),
        // Without a digest the block is made here and compared whole (RFC 8017, section 8.2.2).
        Takes::AtMost(_) | Takes::Number(_) => Padding::None.setup(Operation::Encrypt),
    };
    signature::verifier(row, key, setup, feed(row), scheme)
}

fn feed(row: &Row) -> Feed {
    row.hash.map_or(Feed::Whole, Feed::Digest)
}

/// The padding of a signature mechanism and what data it takes.
fn begin(row: &Row, key: &Arc<Key>, params: &Params) -> Result<(Padding, RsaSignature)> {
    let len = key.modulus()?.len();
    let (padding, takes) = match (row.params, params) {
        (ParamKind::Pss, Params::Pss { hash, mgf, salt }) => {
            // The encoded message is one byte shorter where the modulus is one bit longer than
            // whole bytes (RFC 8017, section 9.1.1).
            let encoded = (key.bits().saturating_sub(1)).div_ceil(8);
            let needed = salt.checked_add(hash.len() + 2).ok_or(Error::MechanismParamInvalid)?;
            if row.hash.is_some_and(|fixed| fixed != *hash) || needed > encoded {
                return Err(Error::MechanismParamInvalid);
            }
            (
                Padding::Pss { hash: *hash, mgf: *mgf, salt: *salt as u64 },
                Takes::Exactly(hash.len()),
            )
        }
        (ParamKind::None, Params::None) => match (row.hash, row.id) {
            // DigestInfo adds at most 19 bytes to a hash, the padding 11 (RFC 8017, section 9.2).
            (Some(hash), _) if hash.len() + 30 > len => return Err(Error::KeySizeRange),
            (Some(hash), _) => (Padding::Pkcs(Some(hash)), Takes::Exactly(hash.len())),
            (None, CKM_RSA_X_509) => (Padding::None, Takes::Number(Arc::clone(key))),
            (None, _) => (Padding::Pkcs(None), Takes::AtMost(len.saturating_sub(11))),
        },
        _ => return Err(Error::MechanismParamInvalid),
    };
    Ok((padding, RsaSignature { len, takes }))
}

enum Padding {
    None,
    Pkcs(Option<Hash>),
    Pss { hash: Hash, mgf: Hash, salt: u64 },
}

impl Padding {
    fn setup(&self, operation: Operation) -> Setup<'_> {
        let params = ParamList::new();
        let (params, variant) = match self {
            Padding::None => (params.text(c"pad-mode", c"none"), 0),
            Padding::Pkcs(None) => (params.text(c"pad-mode", c"pkcs1"), 0),
            Padding::Pkcs(Some(hash)) => {
                (params.text(c"digest", hash.name()).text(c"pad-mode", c"pkcs1"), 0)
            }
            Padding::Pss { hash, mgf, salt } => (
                params
                    .text(c"digest", hash.name())
                    .text(c"pad-mode", c"pss")
                    .text(c"mgf1-digest", mgf.name())
                    .number(c"saltlen", salt),
                (*salt << 16) | ((*hash as u64) << 8) | *mgf as u64,
            ),
        };
        Setup { operation, params, variant: Some(variant) }
    }
}

struct RsaSignature {
    len: usize,
    takes: Takes,
}

/// The data a signature is made of.
enum Takes {
    /// A digest of this length.
    Exactly(usize),
    /// Anything up to this length.
    AtMost(usize),
    /// A number below the modulus of this key.
    Number(Arc<Key>),
}

impl RsaSignature {
    fn check(&self, data: &[u8]) -> Result<()> {
        match &self.takes {
            Takes::Exactly(len) if data.len() != *len => Err(Error::DataLenRange),
            Takes::AtMost(len) if data.len() > *len => Err(Error::DataLenRange),
            Takes::Number(key) => {
                rsa_cipher::check_number(data, key.modulus()?, Error::DataInvalid)
            }
            _ => Ok(()),
        }
    }

    /// The number that a signature of `data` is a power of: for PKCS #1 v1.5 the block of type 01.
    fn block(&self, data: &[u8]) -> Block {
        let mut block = Block::new();
        let fill = self.len.saturating_sub(data.len());
        match self.takes {
            Takes::AtMost(_) => {
                block.extend_from_slice(&[0, 1]);
                block.resize(fill.saturating_sub(1), 0xff);
                block.push(0);
            }
            _ => block.resize(fill, 0),
        }
        block.extend_from_slice(data);
        block
    }
}

/// As long as the modulus.
type Block = SmallVec<[u8; 512]>;

impl Scheme for RsaSignature {
    fn len(&self) -> usize {
        self.len
    }

    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(data)?;
        match self.takes {
            Takes::Number(_) => context.sign(&self.block(data), out),
            _ => context.sign(data, out),
        }
    }

    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
        self.check(data)?;
        if signature.len() != self.len {
            return Err(Error::SignatureLenRange);
        }
        if let Takes::Exactly(_) = self.takes {
            return context.verify(data, signature);
        }
        // A signature not below the modulus is refused by OpenSSL.
        let mut found = Block::from_elem(0, self.len);
        let len = context.encrypt(signature, &mut found).unwrap_or(0);
        Ok(len == self.len && found == self.block(data))
    }
}

const RSA: &[CK_KEY_TYPE] = &[CKK_RSA];
const SIZES: (CK_ULONG, CK_ULONG) = (512, 16384);
/// The usual public exponent, 65537.
const F4: &[u8] = &[1, 0, 1];
