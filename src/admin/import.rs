// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys and certificates from files: told apart, read, put into a token.

use super::failure::{Failure, Outcome};
use super::generate::Generation;
use super::inventory::{Class, Summary};
use super::kind::KeyKind;
use super::pins::Visit;
use super::template::Sheet;
use crate::codec::der;
use crate::error::{Error, Result};
use crate::mechanism::{Key, Parts, pkcs8};
use crate::secret::Secret;
use cryptoki_sys::*;
use openssl::pkey::PKey;
use openssl::x509::X509;

/// What a file holds.
pub struct Content(Inner);

enum Inner {
    Key(Class, Parts),
    Certificate(X509),
}

/// What is to be made of the content.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// What is said of the new object.
    pub new: Generation,
    /// Whether a private key comes without an object for its public half.
    pub private_only: bool,
}

impl Content {
    /// The raw value of a secret key.
    pub fn secret(kind: KeyKind, value: Secret) -> Outcome<Content> {
        let KeyKind::Secret(key_type, length) = kind else {
            return Err(Failure::new(
                "only secret keys have a raw value",
                "leave --type away: the file itself says which type of key it holds",
            ));
        };
        match length {
            Some(length) if length != value.len() => Err(Failure::new(
                format!("the file holds {} bytes, not {length}", value.len()),
                "a raw key is the whole file, without a line end",
            )),
            _ => Ok(Content(Inner::Key(Class::Secret, Parts::Secret(key_type, value)))),
        }
    }

    /// A private key, public key or certificate in PEM or DER. `class` chooses where a file holds
    /// several; `ask` gives the passphrase of an encrypted key if `given` does not.
    pub fn read(
        file: &[u8],
        class: Option<Class>,
        given: Option<Secret>,
        ask: impl FnOnce() -> Outcome<Secret>,
    ) -> Outcome<Content> {
        let (class, block) = match find_pem(file, class)? {
            Some(found) => found,
            None => (class.unwrap_or_else(|| guess_der(file)), file),
        };
        match class {
            Class::Private => private(block, given, ask),
            Class::Public => public(block),
            Class::Certificate => certificate(block),
            other => Err(Failure::new(
                format!("objects of class {} do not come from such files", other.name()),
                "a raw secret key takes --type",
            )),
        }
    }
}

impl Visit<'_> {
    /// Puts what a file held into the token.
    pub fn import(&self, content: &Content, import: &Import) -> Outcome<Vec<Summary>> {
        let cannot = |error| Failure::of("cannot import this", error);
        let lives = import.new.pre_active || !import.new.said.is_empty();
        if lives && matches!(content.0, Inner::Certificate(_)) {
            return Err(Failure::new(
                "a certificate has no owner, purpose, state or days of its own",
                "leave these options away, or give them to its key",
            ));
        }
        let handles = match &content.0 {
            Inner::Certificate(x509) => vec![self.import_certificate(x509, &import.new)?],
            Inner::Key(class, parts) => {
                let key = Key::new(parts).map_err(cannot)?;
                let info = key.public_key_info().unwrap_or_default();
                let id = self.id_beside(&import.new, *class, &info)?;
                let first =
                    self.import_key(&import.new, *class, &key, parts, &id).map_err(cannot)?;
                if *class != Class::Private || import.private_only {
                    return self.summaries(&[first]);
                }
                let public = key.public_parts();
                let second = public.and_then(|parts| {
                    self.import_key(&import.new, Class::Public, &key, &parts, &id)
                });
                // Both or none.
                let second = second.inspect_err(|_| {
                    let _ = self.library().destroy_object(self.session, first);
                });
                vec![first, second.map_err(cannot)?]
            }
        };
        self.summaries(&handles)
    }

    fn import_key(
        &self,
        new: &Generation,
        class: Class,
        key: &Key,
        parts: &Parts,
        id: &[u8],
    ) -> Result<u64> {
        let sheet = new.template(class, key.key_type(), id)?.values(parts)?;
        self.library().create_object(self.session, &sheet.raw())
    }

    fn import_certificate(&self, x509: &X509, new: &Generation) -> Outcome<u64> {
        let fields = CertificateFields::of(x509).ok_or_else(not_a_certificate)?;
        let id = self.id_beside(new, Class::Certificate, &fields.public_key_info)?;
        let sheet = Sheet::default()
            .number(CKA_CLASS, CKO_CERTIFICATE)
            .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
            .flag(CKA_TOKEN, true)
            .flag(CKA_PRIVATE, false)
            .bytes(CKA_LABEL, new.label.as_bytes())
            .bytes(CKA_ID, &id)
            .bytes(CKA_SUBJECT, &fields.subject)
            .bytes(CKA_ISSUER, &fields.issuer)
            .bytes(CKA_SERIAL_NUMBER, &fields.serial)
            .bytes(CKA_PUBLIC_KEY_INFO, &fields.public_key_info)
            .bytes(CKA_VALUE, &fields.value);
        let made = self.library().create_object(self.session, &sheet.raw());
        made.map_err(|error| Failure::of("cannot import the certificate", error))
    }

    /// The id said, or that of an object with the same public key: clients find a certificate's key
    /// by it.
    fn id_beside(&self, new: &Generation, class: Class, public_key: &[u8]) -> Outcome<Vec<u8>> {
        if new.id.is_some() || public_key.is_empty() {
            return self.id_for(new, class);
        }
        let sheet = Sheet::default().flag(CKA_TOKEN, true).bytes(CKA_PUBLIC_KEY_INFO, public_key);
        let beside = self.search(&sheet).map_err(|e| Failure::of("cannot read the objects", e))?;
        let known = beside.iter().find(|object| !object.id.is_empty());
        let id = known.and_then(|object| hex::decode(&object.id).ok());
        self.id_for(&Generation { id, ..new.clone() }, class)
    }
}

struct CertificateFields {
    subject: Vec<u8>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    public_key_info: Vec<u8>,
    value: Vec<u8>,
}

impl CertificateFields {
    fn of(x509: &X509) -> Option<CertificateFields> {
        let serial = x509.serial_number().to_bn().ok()?.to_vec();
        // An INTEGER whose first bit is set would be negative.
        let sign: &[u8] =
            if serial.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
        let key = x509.public_key().and_then(|key| key.public_key_to_der());
        Some(CertificateFields {
            subject: x509.subject_name().to_der().ok()?,
            issuer: x509.issuer_name().to_der().ok()?,
            serial: der::wrap(der::INTEGER, &[sign, &serial].concat()),
            // A certificate of a key that is not known here is a certificate all the same.
            public_key_info: key.unwrap_or_default(),
            value: x509.to_der().ok()?,
        })
    }
}

/// The PEM block to import, with its class; none where the file is no PEM.
fn find_pem(file: &[u8], class: Option<Class>) -> Outcome<Option<(Class, &[u8])>> {
    let blocks = pem_blocks(file);
    if blocks.is_empty() {
        return Ok(None);
    }
    let known: Vec<_> = blocks
        .iter()
        .filter_map(|(name, block)| pem_class(name).map(|class| (class, *block)))
        .filter(|(found, _)| class.is_none_or(|class| class == *found))
        .collect();
    match known.as_slice() {
        [only] => Ok(Some(*only)),
        [] => {
            let names: Vec<_> = blocks.iter().map(|(name, _)| format!("'{name}'")).collect();
            let wanted = class.map_or("key or certificate", Class::name);
            Err(Failure::new(
                format!("the file holds no {wanted}: it holds {}", names.join(", ")),
                "name a file with a private key, a public key or a certificate",
            ))
        }
        [(first, _), rest @ ..] if rest.iter().all(|(class, _)| class == first) => {
            Err(Failure::new(
                format!("the file holds {} objects of class {}", known.len(), first.name()),
                "import them one by one, each from a file of its own",
            ))
        }
        several => {
            let names: Vec<_> = several.iter().map(|(class, _)| class.name()).collect();
            Err(Failure::new(
                format!("the file holds {}", names.join(" and ")),
                "say which to import with --class",
            ))
        }
    }
}

/// The blocks of a PEM file (RFC 7468) with their names.
fn pem_blocks(file: &[u8]) -> Vec<(String, &[u8])> {
    let mut blocks = Vec::new();
    let mut rest = file;
    while let Some(start) = position(rest, BEGIN) {
        let block = rest.get(start..).unwrap_or_default();
        let name = block.get(BEGIN.len()..).unwrap_or_default();
        let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != b'-').collect();
        let end = [END, &name, b"-----"].concat();
        let Some(length) = position(block, &end).map(|at| at + end.len()) else { break };
        let (block, after) = block.split_at_checked(length).unwrap_or_default();
        blocks.push((String::from_utf8_lossy(&name).into_owned(), block));
        rest = after;
    }
    blocks
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn pem_class(name: &str) -> Option<Class> {
    match name {
        "CERTIFICATE" | "X509 CERTIFICATE" => Some(Class::Certificate),
        _ if name.ends_with("PRIVATE KEY") => Some(Class::Private),
        _ if name.ends_with("PUBLIC KEY") => Some(Class::Public),
        _ => None,
    }
}

fn guess_der(file: &[u8]) -> Class {
    if X509::from_der(file).is_ok() {
        Class::Certificate
    } else if pkcs8::decode_public(file).is_ok() {
        Class::Public
    } else {
        Class::Private
    }
}

fn private(
    block: &[u8],
    given: Option<Secret>,
    ask: impl FnOnce() -> Outcome<Secret>,
) -> Outcome<Content> {
    let encrypted = position(block, b"ENCRYPTED").is_some() || encrypted_der(block);
    let passphrase = match given {
        Some(given) => Some(given),
        None if encrypted => Some(ask()?),
        None => None,
    };
    let parts = pkcs8::decode_any_private(block, passphrase.as_ref().filter(|_| encrypted));
    let parts = parts.map_err(|error| match error {
        Error::PinIncorrect => Failure::new(
            "the passphrase does not open this private key",
            "try another; 'openssl pkey -in FILE -noout' asks for it too",
        ),
        Error::DataInvalid => Failure::new(
            "the file holds no private key, public key or certificate that can be read",
            "it must be PEM or DER (PKCS #8, PKCS #1, SEC 1, X.509); a raw secret key takes --type",
        ),
        other => Failure::of("cannot read the private key", other),
    })?;
    Ok(Content(Inner::Key(Class::Private, parts)))
}

/// Whether this is an EncryptedPrivateKeyInfo (RFC 5208, section 6) in DER: an algorithm of PKCS #5
/// first.
fn encrypted_der(block: &[u8]) -> bool {
    let info = der::only(der::SEQUENCE, block);
    let algorithm = info.and_then(|info| der::read(der::SEQUENCE, info));
    algorithm.is_some_and(|(algorithm, _)| algorithm.starts_with(PKCS5))
}

fn public(block: &[u8]) -> Outcome<Content> {
    let key = PKey::public_key_from_pem(block)
        .or_else(|_| openssl::rsa::Rsa::public_key_from_pem_pkcs1(block).and_then(PKey::from_rsa))
        .or_else(|_| PKey::public_key_from_der(block));
    let encoded = key.and_then(|key| key.public_key_to_der()).map_err(|_| {
        Failure::new("the public key cannot be read", "it must be SubjectPublicKeyInfo or PKCS #1")
    })?;
    let parts = pkcs8::decode_public(&encoded)
        .map_err(|error| Failure::of("cannot import the public key", error))?;
    Ok(Content(Inner::Key(Class::Public, parts)))
}

fn certificate(block: &[u8]) -> Outcome<Content> {
    let x509 = X509::from_pem(block).or_else(|_| X509::from_der(block));
    x509.map(|x509| Content(Inner::Certificate(x509))).map_err(|_| not_a_certificate())
}

fn not_a_certificate() -> Failure {
    Failure::new(
        "the certificate cannot be read",
        "'openssl x509 -in FILE -text' says what is wrong with it",
    )
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// An OBJECT IDENTIFIER under 1.2.840.113549.1.5.
const PKCS5: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
