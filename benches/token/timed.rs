// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The cases that time single calls: one row of the table each, with its target, OpenSSL's own way
//! and the module's. Results are checked for their length before they are timed.

use std::hint::black_box;

use cryptoki_sys::*;

use crate::failure::Failure;
use crate::options::Options;
use crate::ossl::{Gcm, Hmac, Scheme, Signer};
use crate::report::{NEW_CONTEXT, OPENSSL, Row, Target, Unit};
use crate::stats::{Batch, Contender, measure};
use crate::token::{self, Token};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    title: &'static str,
    target: Target,
    openssl: fn(bool) -> Result<Option<Batch<'static>>, Failure>,
    module: fn(&Token) -> Result<Batch<'_>, Failure>,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "rsa-2048",
        title: "RSA-2048 signature (CKM_RSA_PKCS, 51 bytes)",
        target: Target::MoreThanOpenssl(3.0),
        openssl: |fresh| openssl_sign(Scheme::RsaPkcs1, 51, fresh),
        module: |token| {
            let key = token::rsa2048(&token.session)?;
            module_sign(token, CKM_RSA_PKCS, key, 51, 256)
        },
    },
    Case {
        name: "p-256",
        title: "P-256 signature (CKM_ECDSA, 32 bytes)",
        target: Target::MoreThanOpenssl(3.0),
        openssl: |fresh| openssl_sign(Scheme::EcdsaP256, 32, fresh),
        module: |token| module_sign(token, CKM_ECDSA, token.p256, 32, 64),
    },
    Case {
        name: "ed25519",
        title: "Ed25519 signature (CKM_EDDSA, 32 bytes)",
        target: Target::MoreThanOpenssl(3.0),
        openssl: |fresh| openssl_sign(Scheme::Ed25519, 32, fresh),
        module: |token| {
            let key = token::ed25519(&token.session)?;
            module_sign(token, CKM_EDDSA, key, 32, 64)
        },
    },
    Case {
        name: "aes-gcm-16",
        title: "AES-256-GCM, 16 bytes (CKM_AES_GCM)",
        target: Target::Under(1.0),
        openssl: |fresh| openssl_seal(16, fresh),
        module: |token| module_seal(token, 16),
    },
    Case {
        name: "aes-gcm-16k",
        title: "AES-256-GCM, 16 KiB (CKM_AES_GCM)",
        target: Target::WithinPercent(10.0),
        openssl: |fresh| openssl_seal(16_384, fresh),
        module: |token| module_seal(token, 16_384),
    },
    Case {
        name: "hmac",
        title: "HMAC-SHA-256, 64 bytes (CKM_SHA256_HMAC)",
        target: Target::Under(1.0),
        openssl: openssl_hmac,
        module: |token| {
            let key = token::hmac_key(&token.session)?;
            module_sign(token, CKM_SHA256_HMAC, key, 64, 32)
        },
    },
    Case {
        name: "attribute-label",
        title: "C_GetAttributeValue of CKA_LABEL",
        target: Target::Under(1.0),
        openssl: |_| Ok(None),
        module: |token| module_attribute(token, CKA_LABEL, token::P256_LABEL.len()),
    },
    Case {
        name: "attribute-key-type",
        title: "C_GetAttributeValue of CKA_KEY_TYPE",
        target: Target::Under(1.0),
        openssl: |_| Ok(None),
        module: |token| module_attribute(token, CKA_KEY_TYPE, size_of::<CK_ULONG>()),
    },
];

impl Case {
    /// Measures OpenSSL and every module in turns.
    pub(crate) fn run(&self, tokens: &[Token], options: &Options) -> Result<Row, Failure> {
        let mut row = Row::new(self.name, self.title, Unit::Micros, self.target);
        let mut contenders = Vec::new();
        for (who, fresh) in [(OPENSSL, false), (NEW_CONTEXT, true)] {
            if let Some(batch) = (self.openssl)(fresh)? {
                contenders.push(Contender { who: who.to_owned(), batch });
            }
        }
        for token in tokens {
            match (self.module)(token) {
                Ok(batch) => contenders.push(Contender { who: token.name.clone(), batch }),
                Err(failure) => row.fails(&token.name, failure),
            }
        }
        for (who, result) in measure(contenders, options.timed()) {
            row.put(&who, result);
        }
        Ok(row)
    }
}

fn openssl_sign(
    scheme: Scheme,
    length: usize,
    fresh: bool,
) -> Result<Option<Batch<'static>>, Failure> {
    let mut signer = Signer::new(scheme)?;
    let data = message(length);
    let mut signature = [0; 512];
    Ok(Some(Box::new(move |calls| {
        for _ in 0..calls {
            match fresh {
                true => signer.fresh(black_box(&data), &mut signature)?,
                false => signer.ready(black_box(&data), &mut signature)?,
            };
        }
        Ok(())
    })))
}

fn openssl_seal(length: usize, fresh: bool) -> Result<Option<Batch<'static>>, Failure> {
    let mut gcm = Gcm::new()?;
    let data = message(length);
    let mut sealed = vec![0; length + 16];
    let mut counter = 0;
    Ok(Some(Box::new(move |calls| {
        for _ in 0..calls {
            let iv = next_iv(&mut counter);
            match fresh {
                true => gcm.fresh(&iv, black_box(&data), &mut sealed)?,
                false => gcm.ready(&iv, black_box(&data), &mut sealed)?,
            }
        }
        Ok(())
    })))
}

fn openssl_hmac(fresh: bool) -> Result<Option<Batch<'static>>, Failure> {
    let mut hmac = Hmac::new()?;
    let data = message(64);
    let mut mac = [0; 32];
    Ok(Some(Box::new(move |calls| {
        for _ in 0..calls {
            match fresh {
                true => hmac.fresh(black_box(&data), &mut mac)?,
                false => hmac.ready(black_box(&data), &mut mac)?,
            }
        }
        Ok(())
    })))
}

fn module_sign(
    token: &Token,
    mechanism: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
    length: usize,
    expected: usize,
) -> Result<Batch<'_>, Failure> {
    let mut data = message(length);
    let mut signature = [0; 512];
    let written = token.session.sign(mechanism, key, &mut data, &mut signature)?;
    right_length(written, expected)?;
    Ok(Box::new(move |calls| {
        for _ in 0..calls {
            token.session.sign(mechanism, key, black_box(&mut data), &mut signature)?;
        }
        Ok(())
    }))
}

fn module_seal(token: &Token, length: usize) -> Result<Batch<'_>, Failure> {
    let key = token::aes256(&token.session, b"bench-gcm")?;
    let mut data = message(length);
    let mut sealed = vec![0; length + 16];
    let mut counter = 0;
    let mut iv = next_iv(&mut counter);
    let written = token.session.seal(key, &mut iv, &mut data, &mut sealed)?;
    right_length(written, length + 16)?;
    Ok(Box::new(move |calls| {
        for _ in 0..calls {
            let mut iv = next_iv(&mut counter);
            token.session.seal(key, &mut iv, black_box(&mut data), &mut sealed)?;
        }
        Ok(())
    }))
}

fn module_attribute(
    token: &Token,
    kind: CK_ATTRIBUTE_TYPE,
    expected: usize,
) -> Result<Batch<'_>, Failure> {
    let mut value = [0; 64];
    right_length(token.session.attribute(token.p256, kind, &mut value)?, expected)?;
    Ok(Box::new(move |calls| {
        for _ in 0..calls {
            token.session.attribute(token.p256, kind, black_box(&mut value))?;
        }
        Ok(())
    }))
}

fn right_length(written: usize, expected: usize) -> Result<(), Failure> {
    if written == expected {
        return Ok(());
    }
    Err(Failure::say(format!("{written} bytes came back instead of {expected}")))
}

fn message(length: usize) -> Vec<u8> {
    (0..length).map(|index| index as u8).collect()
}

/// A new IV for each message, as GCM demands of its users.
#[inline]
fn next_iv(counter: &mut u64) -> [u8; 12] {
    *counter += 1;
    let mut iv = [0; 12];
    if let Some(tail) = iv.last_chunk_mut() {
        *tail = counter.to_be_bytes();
    }
    iv
}
