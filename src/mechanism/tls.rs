// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of TLS 1.2 (RFC 5246, RFC 5705, RFC 7627; PKCS #11, sections "1.2 Mechanisms" and "SSL"): the
//! master secret from the premaster secret, the keys of a connection from the master secret, and
//! exported keying material. TLS 1.3 derives with HKDF.

use super::params::TlsKeys;
use super::primitive::random;
use super::tls_prf::TlsPrf;
use super::{Base, Derive, Derived, Does, Inherit, Made, ParamKind, Params, Parts, Product};
use super::{Purpose, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The TLS mechanisms that make keys.
pub const ROWS: &[Row] = &[
    premaster(CKM_SSL3_PRE_MASTER_KEY_GEN, "CKM_SSL3_PRE_MASTER_KEY_GEN"),
    premaster(CKM_TLS_PRE_MASTER_KEY_GEN, "CKM_TLS_PRE_MASTER_KEY_GEN"),
    row(CKM_TLS12_MASTER_KEY_DERIVE, "CKM_TLS12_MASTER_KEY_DERIVE", ParamKind::TlsMaster, master),
    row(
        CKM_TLS12_MASTER_KEY_DERIVE_DH,
        "CKM_TLS12_MASTER_KEY_DERIVE_DH",
        ParamKind::TlsMaster,
        master_dh,
    ),
    row(
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
        "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE",
        ParamKind::TlsExtendedMaster,
        extended_master,
    ),
    row(
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
        "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH",
        ParamKind::TlsExtendedMaster,
        extended_master_dh,
    ),
    Row {
        inherit: Inherit::Everything,
        ..row(
            CKM_TLS12_KEY_AND_MAC_DERIVE,
            "CKM_TLS12_KEY_AND_MAC_DERIVE",
            ParamKind::TlsKeys,
            key_and_mac,
        )
    },
    Row {
        inherit: Inherit::Everything,
        ..row(
            CKM_TLS12_KEY_SAFE_DERIVE,
            "CKM_TLS12_KEY_SAFE_DERIVE",
            ParamKind::TlsKeysAlone,
            key_and_mac,
        )
    },
    exporter(CKM_TLS_KDF, "CKM_TLS_KDF"),
    exporter(CKM_TLS12_KDF, "CKM_TLS12_KDF"),
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, params: ParamKind, derive: Derive) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    let size = MASTER as CK_ULONG;
    Row { params, does, ..Row::new(id, name, &[CKK_GENERIC_SECRET], (size, size)) }
}

const fn premaster(id: CK_MECHANISM_TYPE, name: &'static str) -> Row {
    let does = Does { generate: Some(generate), ..Does::NOTHING };
    let size = MASTER as CK_ULONG;
    let params = ParamKind::Version;
    Row { params, does, ..Row::new(id, name, &[CKK_GENERIC_SECRET], (size, size)) }
}

const fn exporter(id: CK_MECHANISM_TYPE, name: &'static str) -> Row {
    let inherit = Inherit::GuardAndDefaults;
    let sizes = super::derive::SIZES;
    Row { inherit, sizes, ..row(id, name, ParamKind::TlsKdf, export) }
}

/// A premaster secret for RSA key exchange: the version, and random bytes.
fn generate(_: &'static Row, params: &Params, _: &Spec) -> Result<Parts> {
    let Params::Version(version) = params else { return Err(Error::MechanismParamInvalid) };
    let secret = Secret::with(MASTER, |out| {
        random(out)?;
        out.iter_mut().zip(version).for_each(|(out, byte)| *out = *byte);
        Ok(())
    });
    Ok(Parts::Secret(CKK_GENERIC_SECRET, secret?))
}

fn master(_: &'static Row, base: &Base<'_>, params: &Params, _: &Spec) -> Result<Derived> {
    with_version(base, params, b"master secret")
}

fn master_dh(_: &'static Row, base: &Base<'_>, params: &Params, _: &Spec) -> Result<Derived> {
    without_version(base, params, b"master secret")
}

fn extended_master(_: &'static Row, base: &Base<'_>, params: &Params, _: &Spec) -> Result<Derived> {
    with_version(base, params, b"extended master secret")
}

fn extended_master_dh(
    _: &'static Row,
    base: &Base<'_>,
    params: &Params,
    _: &Spec,
) -> Result<Derived> {
    without_version(base, params, b"extended master secret")
}

/// From a premaster secret that begins with a version, which the caller is told.
fn with_version(base: &Base<'_>, params: &Params, label: &[u8]) -> Result<Derived> {
    let premaster = base.key.value()?;
    if premaster.len() != MASTER {
        return Err(Error::KeySizeRange);
    }
    let version = premaster.get(..2).unwrap_or_default().to_vec();
    let (derived, versioned) = master_secret(premaster, params, label)?;
    match versioned {
        true => Ok(Derived { public: vec![version], ..derived }),
        false => Err(Error::MechanismParamInvalid),
    }
}

/// From a secret that was agreed on, in which there is no version.
fn without_version(base: &Base<'_>, params: &Params, label: &[u8]) -> Result<Derived> {
    match master_secret(base.key.value()?, params, label)? {
        (_, true) => Err(Error::MechanismParamInvalid),
        (derived, false) => Ok(derived),
    }
}

/// The master secret, and whether the parameter has a place for a version.
fn master_secret(premaster: &[u8], params: &Params, label: &[u8]) -> Result<(Derived, bool)> {
    let Params::TlsMaster { prf, seed, versioned } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let secret = TlsPrf::with_hash(*prf)?.expand(premaster, label, seed, MASTER)?;
    let made = Made::Key(Parts::Secret(CKK_GENERIC_SECRET, secret));
    let product = Product { allowed: Some(OF_MASTER), ..Product::from(made) };
    Ok((Derived { products: vec![product], public: Vec::new() }, *versioned))
}

/// The keys of both directions, client's first: MAC, encryption, initialisation vectors (RFC 5246,
/// section 6.3).
fn key_and_mac(_: &'static Row, base: &Base<'_>, params: &Params, _: &Spec) -> Result<Derived> {
    let Params::TlsKeys(TlsKeys { prf, mac, key, iv, seed }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let master = base.key.value()?;
    if master.len() != MASTER {
        return Err(Error::KeySizeRange);
    }
    let len = 2 * (mac + key + iv);
    let block = TlsPrf::with_hash(*prf)?.expand(master, b"key expansion", seed, len)?;
    let mut rest = block.expose();
    let mut take = |len: usize| {
        let (front, after) = rest.split_at_checked(len).ok_or(Error::GeneralError)?;
        rest = after;
        Ok(front)
    };
    let mut products = Vec::new();
    for _ in 0..2 {
        let value = Secret::copy_of(take(*mac)?)?;
        let made = Made::Key(Parts::Secret(CKK_GENERIC_SECRET, value));
        products.push(Product { purpose: Purpose::Authentication, ..Product::from(made) });
    }
    for _ in 0..2 {
        let made = Made::Value(Secret::copy_of(take(*key)?)?);
        products.push(Product { purpose: Purpose::Encryption, ..Product::from(made) });
    }
    // What was not asked for is not made.
    let asked = |product: &Product| match &product.made {
        Made::Value(_) => *key > 0,
        Made::Key(_) | Made::Data(_) => *mac > 0,
    };
    products.retain(asked);
    let ivs = [take(*iv)?.to_vec(), take(*iv)?.to_vec()];
    let public = if *iv > 0 { ivs.into() } else { Vec::new() };
    Ok(Derived { products, public })
}

/// Exported keying material (RFC 5705).
fn export(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::TlsKdf { prf, label, seed } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let len = spec.length_up_to(LONGEST)?;
    TlsPrf::of(*prf)?.expand(base.key.value()?, label, seed, len).map(Derived::from)
}

/// The length of a master secret, and of a premaster secret with a version, bytes.
const MASTER: usize = 48;
/// The most exported, bytes.
const LONGEST: usize = 8192;

/// What a master secret is for.
const OF_MASTER: &[CK_MECHANISM_TYPE] = &[
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS_KDF,
    CKM_TLS_MAC,
    CKM_TLS12_KDF,
    CKM_TLS12_MAC,
];
