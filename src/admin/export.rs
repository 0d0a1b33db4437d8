// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What may leave a token in clear: public keys, certificates, and of other keys those that their
//! attributes hide from nobody.

use super::failure::{Failure, Outcome};
use super::inventory::{Class, Summary, Wanted, ambiguous, bytes};
use super::pins::Visit;
use super::template::Sheet;
use crate::error::{Error, Result};
use crate::mechanism::pkcs8;
use crate::object::{self, Maker, Reading, Template, Value};
use crate::safety::Lifted;
use crate::secret::Secret;
use crate::session::View;
use cryptoki_sys::*;
use zeroize::Zeroize;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text (RFC 7468).
    Pem,
    /// Binary.
    Der,
}

/// A public key or certificate.
pub struct Exported {
    /// The object it is of.
    pub object: Summary,
    name: &'static str,
    der: Vec<u8>,
}

/// A private or secret key, in clear.
pub struct Bared {
    /// The object it is of.
    pub object: Summary,
    value: Secret,
}

impl Exported {
    /// The bytes of the file.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Der => self.der.clone(),
            Format::Pem => pem(self.name, &self.der),
        }
    }
}

impl Bared {
    /// The bytes of the file: of a private key PKCS #8, of a secret key the raw value in any format.
    pub fn encode(&self, format: Format) -> Outcome<Secret> {
        let made = match (format, self.object.class) {
            (Format::Pem, Some(Class::Private)) => {
                Secret::take(pem("PRIVATE KEY", self.value.expose()))
            }
            _ => self.value.duplicate(),
        };
        made.map_err(|error| Failure::of("cannot write the key", error))
    }
}

/// RFC 7468. It is made in one piece, so that no part of a secret stays behind.
fn pem(name: &str, der: &[u8]) -> Vec<u8> {
    let mut text = openssl::base64::encode_block(der);
    let mut pem = Vec::with_capacity(text.len() + text.len() / LINE + 2 * name.len() + 64);
    pem.extend_from_slice(format!("-----BEGIN {name}-----\n").as_bytes());
    for line in text.as_bytes().chunks(LINE) {
        pem.extend_from_slice(line);
        pem.push(b'\n');
    }
    pem.extend_from_slice(format!("-----END {name}-----\n").as_bytes());
    text.zeroize();
    pem
}

impl Visit<'_> {
    /// The public key (of a public or a private key object) or the certificate that fits. Objects
    /// that give the same, as the halves of a pair do, count as one.
    pub fn export_public(&self, wanted: &Wanted) -> Outcome<Exported> {
        let found = self.some_objects(wanted)?;
        let mut exports: Vec<Exported> = Vec::new();
        for object in &found {
            match self.exported(object)? {
                Some(new) if exports.iter().all(|known| known.der != new.der) => exports.push(new),
                _ => {}
            }
        }
        match (exports.pop(), exports.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                exports.push(last);
                let objects: Vec<_> = exports.into_iter().map(|export| export.object).collect();
                Err(ambiguous(&objects))
            }
            (None, _) => Err(Failure::new(
                format!("the {} has no public part", wanted.words()),
                "public keys, private keys and certificates have one; secret keys and data do not",
            )),
        }
    }

    fn exported(&self, object: &Summary) -> Outcome<Option<Exported>> {
        let (attribute, name) = match object.class {
            Some(Class::Public | Class::Private) => (CKA_PUBLIC_KEY_INFO, "PUBLIC KEY"),
            Some(Class::Certificate) => (CKA_VALUE, "CERTIFICATE"),
            _ => return Ok(None),
        };
        let view = self.library().view(self.session, object.handle);
        let view = view.map_err(|error| Failure::of("cannot read the object", error))?;
        let der = bytes(&view, attribute).filter(|der| !der.is_empty());
        Ok(der.map(|der| Exported { object: object.clone(), name, der: der.to_vec() }))
    }

    /// The private or secret key that fits, where its attributes let its value be read: not
    /// sensitive, and extractable.
    pub fn export_key(&self, wanted: &Wanted) -> Outcome<Bared> {
        let mut found = self.some_objects(wanted)?;
        found.retain(|object| matches!(object.class, Some(Class::Private | Class::Secret)));
        let object = match found.as_slice() {
            [only] => only.clone(),
            [] => {
                return Err(Failure::new(
                    format!("the {} is no private or secret key", wanted.words()),
                    "'strongroom key export-public' writes public keys and certificates",
                ));
            }
            several => return Err(ambiguous(several)),
        };
        let read = self.library().view(self.session, object.handle).and_then(|view| {
            let value = bare(&view)?;
            let given = MATERIAL.iter().copied();
            self.library().disclosing(self.session, &view, given).map(|()| value)
        });
        let value = read.map_err(|error| match error {
            Error::AttributeSensitive => Failure::new(
                format!("the {} does not leave in clear: its attributes hide it", object.words()),
                "a key leaves in clear if CKA_SENSITIVE is false and CKA_EXTRACTABLE true, as \
                 'strongroom key show' shows; a sensitive one that is extractable leaves wrapped",
            ),
            other => Failure::of("cannot read the key", other),
        })?;
        Ok(Bared { object, value })
    }
}

/// The value of a key, of which nothing may be hidden.
fn bare(view: &View) -> Result<Secret> {
    let mut sheet = Sheet::default();
    for id in MATERIAL {
        sheet = match view.read(*id) {
            Reading::Sensitive => return Err(Error::AttributeSensitive),
            Reading::Absent => sheet,
            Reading::Value(Value::Number(number)) => {
                let number = CK_ULONG::try_from(*number).map_err(|_| Error::GeneralError)?;
                sheet.number(*id, number)
            }
            Reading::Value(Value::Secret(secret)) => sheet.secret(*id, secret)?,
            Reading::Value(value) => sheet.bytes(*id, value.octets().unwrap_or_default()),
        };
    }
    // A safeguard keeps keys from coming in, not from going out.
    let maker = Maker { so: false, lifted: Lifted::all() };
    let key = object::create(&Template::parse(&sheet.raw())?, maker)?;
    match key.key()?.secret() {
        Some(value) => value.duplicate(),
        None => pkcs8::encode(key.key()?),
    }
}

/// What a key is made of.
const MATERIAL: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_EC_PARAMS,
    CKA_PARAMETER_SET,
    CKA_SEED,
    CKA_PRIME,
    CKA_SUBPRIME,
    CKA_BASE,
    CKA_VALUE,
];

/// The characters of a line.
const LINE: usize = 64;
