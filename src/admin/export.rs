// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What may leave a token in clear: public keys and certificates.

use super::failure::{Failure, Outcome};
use super::inventory::{Class, Summary, Wanted, ambiguous, bytes};
use super::pins::Visit;
use cryptoki_sys::*;

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

impl Exported {
    /// The bytes of the file.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        if format == Format::Der {
            return self.der.clone();
        }
        let text = openssl::base64::encode_block(&self.der);
        let mut pem = format!("-----BEGIN {}-----\n", self.name);
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str(&format!("-----END {}-----\n", self.name));
        pem.into_bytes()
    }
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
}
