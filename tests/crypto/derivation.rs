// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Derivations as the tests know them: their rows, their parameters, and what to derive with them.

use crate::common::*;
use crate::table::{Family, Row, row};

/// The rows of key derivation.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        row(CKM_CONCATENATE_BASE_AND_KEY, CKF_DERIVE, Family::Generic, with_key, 0),
        row(CKM_CONCATENATE_BASE_AND_DATA, CKF_DERIVE, Family::Generic, with_data, 0),
        row(CKM_CONCATENATE_DATA_AND_BASE, CKF_DERIVE, Family::Generic, with_data, 0),
        row(CKM_XOR_BASE_AND_DATA, CKF_DERIVE, Family::Generic, with_data, 0),
        row(CKM_EXTRACT_KEY_FROM_KEY, CKF_DERIVE, Family::Generic, |_| first_bit(21), 0),
        row(CKM_NULL, CKF_DERIVE, Family::Generic, Mech::plain, 0),
        row(CKM_PUB_KEY_FROM_PRIV_KEY, CKF_DERIVE, Family::Ec, Mech::plain, 0),
    ];
    for (kind, _) in HASHES {
        rows.push(row(*kind, CKF_DERIVE, Family::Generic, Mech::plain, 0));
    }
    for kind in [CKM_SP800_108_COUNTER_KDF, CKM_SP800_108_DOUBLE_PIPELINE_KDF] {
        rows.push(row(kind, CKF_DERIVE, Family::Generic, kbkdf_of, 0));
    }
    rows.extend(protocols());
    rows.push(row(CKM_SP800_108_FEEDBACK_KDF, CKF_DERIVE, Family::Generic, kbkdf_of, 0));
    rows
}

/// The rows of protocols, and of passwords.
fn protocols() -> Vec<Row> {
    let mut rows = vec![
        row(CKM_SSL3_PRE_MASTER_KEY_GEN, CKF_GENERATE, Family::None, version, 0),
        row(CKM_TLS_PRE_MASTER_KEY_GEN, CKF_GENERATE, Family::None, version, 0),
        row(CKM_PKCS5_PBKD2, CKF_GENERATE, Family::None, |_| password(), 0),
        row(CKM_IKE_PRF_DERIVE, CKF_DERIVE, Family::Generic, |_| ike_initial(), 0),
        row(CKM_IKE1_PRF_DERIVE, CKF_DERIVE, Family::Generic, |_| ike_numbered(), 0),
        row(CKM_IKE1_EXTENDED_DERIVE, CKF_DERIVE, Family::Generic, |_| ike_extended(), 0),
        row(CKM_IKE2_PRF_PLUS_DERIVE, CKF_DERIVE, Family::Generic, |_| ike_plus(), 0),
    ];
    for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
        rows.push(row(kind, CKF_DERIVE, Family::Generic, tls_kdf, 0));
    }
    for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
        rows.push(row(kind, CKF_SIGN | CKF_VERIFY, Family::Generic, tls_mac, 32));
    }
    for kind in TLS_MASTERS.iter().chain(&TLS_KEYS) {
        rows.push(row(*kind, CKF_DERIVE, Family::Master, tls, 0));
    }
    rows
}

fn version(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::with(kind, CK_VERSION { major: 3, minor: 3 }, Vec::new())
}

fn password() -> Mech {
    crate::derive_password::pbkdf2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 2)
}

fn ike_initial() -> Mech {
    crate::derive_ike::initial(CKM_SHA256_HMAC, false, None, (&[1; 16], &[2; 16]))
}

fn ike_numbered() -> Mech {
    let agreed = Obj(new_key());
    crate::derive_ike::numbered(CKM_SHA256_HMAC, agreed, None, (&[1; 8], &[2; 8]), 0)
}

fn ike_extended() -> Mech {
    crate::derive_ike::extended(CKM_SHA256_HMAC, None, b"extra")
}

fn ike_plus() -> Mech {
    crate::derive_ike::plus(CKM_SHA256_HMAC, None, b"seed")
}

fn tls_kdf(kind: CK_MECHANISM_TYPE) -> Mech {
    crate::tls::kdf(kind, CKM_SHA256, b"label", &[1; 64], None)
}

fn tls_mac(kind: CK_MECHANISM_TYPE) -> Mech {
    crate::tls::finished(kind, CKM_SHA256, 12, 1)
}

fn tls(kind: CK_MECHANISM_TYPE) -> Mech {
    let place = leaked([0u8; 2]).0.cast();
    let nowhere = std::ptr::null_mut();
    let (client, server) = (&[1; 32], &[2; 32]);
    match kind {
        CKM_TLS12_MASTER_KEY_DERIVE => crate::tls::master(kind, CKM_SHA256, client, server, place),
        CKM_TLS12_MASTER_KEY_DERIVE_DH => {
            crate::tls::master(kind, CKM_SHA256, client, server, nowhere)
        }
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE => {
            crate::tls::extended(kind, CKM_SHA256, client, place)
        }
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => {
            crate::tls::extended(kind, CKM_SHA256, client, nowhere)
        }
        _ => crate::tls::Keys::new(CKM_SHA256, client, server, [256, 128, 96]).mech(kind),
    }
}

const TLS_MASTERS: [CK_MECHANISM_TYPE; 4] = [
    CKM_TLS12_MASTER_KEY_DERIVE,
    CKM_TLS12_MASTER_KEY_DERIVE_DH,
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
];
const TLS_KEYS: [CK_MECHANISM_TYPE; 2] = [CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE];

/// Derives, where the one handle or all of them go to the parameter.
pub fn derives(s: Session, mech: &Mech, base: Obj) -> R<()> {
    let template = template(mech.kind());
    if TLS_KEYS.contains(&mech.kind()) {
        let template = template! { CKA_KEY_TYPE => CKK_AES };
        return crate::tls::derive_all(s, mech, base, &template);
    }
    s.derive(mech, base, &template).map(drop)
}

/// A template that a generation takes.
pub fn generated(kind: CK_MECHANISM_TYPE) -> Template {
    match kind {
        CKM_DES2_KEY_GEN | CKM_DES3_KEY_GEN => Template::default(),
        CKM_SSL3_PRE_MASTER_KEY_GEN | CKM_TLS_PRE_MASTER_KEY_GEN => Template::default(),
        CKM_PKCS5_PBKD2 => template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG },
        CKM_DSA_PARAMETER_GEN | CKM_DH_PKCS_PARAMETER_GEN => {
            template! { CKA_PRIME_BITS => 2048 as CK_ULONG }
        }
        CKM_X9_42_DH_PARAMETER_GEN => template! {
            CKA_PRIME_BITS => 2048 as CK_ULONG, CKA_SUBPRIME_BITS => 256 as CK_ULONG,
        },
        _ => template! { CKA_VALUE_LEN => 32 as CK_ULONG },
    }
}

/// Whether a derivation takes keys of a family, beside that of its row.
pub fn takes(kind: CK_MECHANISM_TYPE, family: Family) -> bool {
    let secret = matches!(family, Family::Aes | Family::Generic);
    let pseudo_random = [
        CKM_IKE_PRF_DERIVE,
        CKM_IKE1_PRF_DERIVE,
        CKM_IKE1_EXTENDED_DERIVE,
        CKM_IKE2_PRF_PLUS_DERIVE,
        CKM_SP800_108_COUNTER_KDF,
        CKM_SP800_108_FEEDBACK_KDF,
        CKM_SP800_108_DOUBLE_PIPELINE_KDF,
    ];
    let tls = TLS_MASTERS.iter().chain(&TLS_KEYS).any(|other| *other == kind);
    let own = [CKM_TLS_KDF, CKM_TLS12_KDF, CKM_TLS_MAC, CKM_TLS12_MAC];
    match rows().iter().any(|row| row.kind == kind) {
        true if tls => family == Family::Generic,
        true if own.contains(&kind) => false,
        true if kind == CKM_PUB_KEY_FROM_PRIV_KEY => !secret,
        // The function says what it takes.
        true => secret && !pseudo_random.contains(&kind),
        false => false,
    }
}

/// A template that a derivation takes.
pub fn template(kind: CK_MECHANISM_TYPE) -> Template {
    match kind {
        CKM_HKDF_DATA => template! { CKA_CLASS => CKO_DATA, CKA_VALUE_LEN => 16 as CK_ULONG },
        CKM_PUB_KEY_FROM_PRIV_KEY => Template::default(),
        _ if TLS_MASTERS.contains(&kind) => Template::default(),
        CKM_IKE_PRF_DERIVE => template! { CKA_VALUE_LEN => 32 as CK_ULONG },
        _ => template! {
            CKA_CLASS => CKO_SECRET_KEY,
            CKA_KEY_TYPE => CKK_AES,
            CKA_VALUE_LEN => 16 as CK_ULONG,
        },
    }
}

/// The derivations by a hash, and the length of its output.
pub const HASHES: &[(CK_MECHANISM_TYPE, usize)] = &[
    (CKM_SHA1_KEY_DERIVATION, 20),
    (CKM_SHA224_KEY_DERIVATION, 28),
    (CKM_SHA256_KEY_DERIVATION, 32),
    (CKM_SHA384_KEY_DERIVATION, 48),
    (CKM_SHA512_KEY_DERIVATION, 64),
    (CKM_SHA512_224_KEY_DERIVATION, 28),
    (CKM_SHA512_256_KEY_DERIVATION, 32),
    (CKM_SHA3_224_KEY_DERIVATION, 28),
    (CKM_SHA3_256_KEY_DERIVATION, 32),
    (CKM_SHA3_384_KEY_DERIVATION, 48),
    (CKM_SHA3_512_KEY_DERIVATION, 64),
    (CKM_SHAKE_128_KEY_DERIVATION, 32),
    (CKM_SHAKE_256_KEY_DERIVATION, 64),
    (CKM_BLAKE2B_160_KEY_DERIVE, 20),
    (CKM_BLAKE2B_256_KEY_DERIVE, 32),
    (CKM_BLAKE2B_384_KEY_DERIVE, 48),
    (CKM_BLAKE2B_512_KEY_DERIVE, 64),
];

/// Data to concatenate or to combine with the key.
pub fn string(kind: CK_MECHANISM_TYPE, data: &[u8]) -> Mech {
    let data = data.to_vec();
    let parameter =
        CK_KEY_DERIVATION_STRING_DATA { pData: bytes(&data), ulLen: data.len() as CK_ULONG };
    Mech::with(kind, parameter, vec![data])
}

/// Extraction from this bit on.
pub fn first_bit(bit: CK_ULONG) -> Mech {
    Mech::with(CKM_EXTRACT_KEY_FROM_KEY, bit, Vec::new())
}

fn with_data(kind: CK_MECHANISM_TYPE) -> Mech {
    string(kind, &[0x5a; 32])
}

/// The key that is concatenated is a new one.
fn with_key(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::with(kind, new_key(), Vec::new())
}

/// A key of the first token, whose user is logged in.
fn new_key() -> CK_OBJECT_HANDLE {
    let slots = session::slots(true).expect("slots");
    let s = Session::read_write(slots[0]).expect("a session");
    keys::generic(s, 16).0
}

/// A piece of input of SP 800-108.
#[derive(Clone, Copy)]
pub enum Piece<'a> {
    /// The iteration variable: in counter mode of so many bits, else of none.
    Iteration(CK_ULONG),
    /// The same, least significant byte first.
    IterationLittle(CK_ULONG),
    /// A counter.
    Counter(CK_ULONG),
    /// The length of the keys, bits.
    Keys(CK_ULONG),
    /// The length of the segments, bits.
    Segments(CK_ULONG),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The value of a key.
    Key(Obj),
}

/// A further key to derive. Its handle is read after the call.
pub struct Further(Box<CK_OBJECT_HANDLE>, Template);

impl Further {
    /// A key by this template.
    pub fn new(template: Template) -> Further {
        Further(Box::new(UNTOUCHED), template)
    }

    /// The handle that was written; [`UNTOUCHED`] where none was.
    pub fn handle(&self) -> CK_OBJECT_HANDLE {
        // SAFETY: a live box, which the library wrote through a pointer.
        unsafe { std::ptr::read_volatile(&*self.0) }
    }
}

/// What stands in a place that nothing was written to.
pub const UNTOUCHED: CK_OBJECT_HANDLE = 0x5555_5555;

/// SP 800-108 with these pieces, and further keys.
pub fn kbkdf(
    kind: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    pieces: &[Piece<'_>],
    iv: &[u8],
    further: &mut [Further],
) -> Mech {
    let data: Vec<_> = pieces.iter().map(data_param).collect();
    let data = Vec::leak(data);
    let keys: Vec<_> = further.iter_mut().map(derived_key).collect();
    let keys = Vec::leak(keys);
    let (count, keys_count) = (data.len() as CK_ULONG, keys.len() as CK_ULONG);
    let data = if data.is_empty() { std::ptr::null_mut() } else { data.as_mut_ptr() };
    let keys = if keys.is_empty() { std::ptr::null_mut() } else { keys.as_mut_ptr() };
    if kind == CKM_SP800_108_FEEDBACK_KDF {
        let iv = iv.to_vec();
        let parameter = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: prf,
            ulNumberOfDataParams: count,
            pDataParams: data,
            ulIVLen: iv.len() as CK_ULONG,
            pIV: if iv.is_empty() { std::ptr::null_mut() } else { bytes(&iv) },
            ulAdditionalDerivedKeys: keys_count,
            pAdditionalDerivedKeys: keys,
        };
        return Mech::with(kind, parameter, vec![iv]);
    }
    let parameter = CK_SP800_108_KDF_PARAMS {
        prfType: prf,
        ulNumberOfDataParams: count,
        pDataParams: data,
        ulAdditionalDerivedKeys: keys_count,
        pAdditionalDerivedKeys: keys,
    };
    Mech::with(kind, parameter, Vec::new())
}

fn data_param(piece: &Piece<'_>) -> CK_PRF_DATA_PARAM {
    let counter = |little, width| {
        leaked(CK_SP800_108_COUNTER_FORMAT { bLittleEndian: little, ulWidthInBits: width })
    };
    let length = |method, width| {
        leaked(CK_SP800_108_DKM_LENGTH_FORMAT {
            dkmLengthMethod: method,
            bLittleEndian: CK_FALSE,
            ulWidthInBits: width,
        })
    };
    let (type_, (value, len)) = match *piece {
        Piece::Iteration(0) => (CK_SP800_108_ITERATION_VARIABLE, (std::ptr::null_mut(), 0)),
        Piece::Iteration(bits) => (CK_SP800_108_ITERATION_VARIABLE, counter(CK_FALSE, bits)),
        Piece::IterationLittle(bits) => (CK_SP800_108_ITERATION_VARIABLE, counter(CK_TRUE, bits)),
        Piece::Counter(bits) => (CK_SP800_108_COUNTER, counter(CK_FALSE, bits)),
        Piece::Keys(bits) => {
            (CK_SP800_108_DKM_LENGTH, length(CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, bits))
        }
        Piece::Segments(bits) => {
            (CK_SP800_108_DKM_LENGTH, length(CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, bits))
        }
        Piece::Bytes(data) => {
            let data = Vec::leak(data.to_vec());
            (CK_SP800_108_BYTE_ARRAY, (data.as_mut_ptr().cast(), data.len() as CK_ULONG))
        }
        Piece::Key(key) => (CK_SP800_108_KEY_HANDLE, leaked(key.0)),
    };
    CK_PRF_DATA_PARAM { type_, pValue: value, ulValueLen: len }
}

fn derived_key(further: &mut Further) -> CK_DERIVED_KEY {
    let template = Vec::leak(further.1.raw());
    CK_DERIVED_KEY {
        pTemplate: template.as_mut_ptr(),
        ulAttributeCount: template.len() as CK_ULONG,
        phKey: &mut *further.0,
    }
}

/// A structure that lives as long as the test.
pub fn leaked<T>(value: T) -> (CK_VOID_PTR, CK_ULONG) {
    let size = size_of::<T>() as CK_ULONG;
    (std::ptr::from_mut(Box::leak(Box::new(value))).cast(), size)
}

fn kbkdf_of(kind: CK_MECHANISM_TYPE) -> Mech {
    let bits = if kind == CKM_SP800_108_COUNTER_KDF { 32 } else { 0 };
    let pieces = [Piece::Iteration(bits), Piece::Bytes(b"label\0context"), Piece::Keys(32)];
    kbkdf(kind, CKM_SHA256_HMAC, &pieces, b"", &mut [])
}

/// A key type and a length, either of which may be left out, of a key that can be read.
pub fn wanted(key_type: Option<CK_KEY_TYPE>, length: Option<usize>) -> Template {
    let mut template = keys::open();
    if let Some(key_type) = key_type {
        template = template.with(CKA_KEY_TYPE, key_type);
    }
    if let Some(length) = length {
        template = template.with(CKA_VALUE_LEN, length as CK_ULONG);
    }
    template
}

/// The value of what is derived.
pub fn value(s: Session, mech: &Mech, base: Obj, template: &Template, what: &str) -> Vec<u8> {
    let key = s.derive(mech, base, template).good_for(what);
    s.get(key, CKA_VALUE).good_for(what)
}
