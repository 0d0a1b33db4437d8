// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Templates that the command itself makes: attributes with the memory they lie in.

use crate::codec::der;
use crate::error::Result;
use crate::mechanism::Parts;
use crate::mechanism::parts::{
    EcPrivate, EcPublic, FieldDomain, FieldPrivate, FieldPublic, RsaPrivate, RsaPublic, SetPrivate,
    SetPublic,
};
use crate::secret::Secret;
use crate::types::{RawAttribute, RawValue};
use cryptoki_sys::*;

/// A template being made.
#[derive(Default)]
pub(super) struct Sheet(Vec<(CK_ATTRIBUTE_TYPE, Owned)>);

enum Owned {
    Plain(Vec<u8>),
    Secret(Secret),
}

impl Sheet {
    pub(super) fn flag(mut self, id: CK_ATTRIBUTE_TYPE, value: bool) -> Sheet {
        self.0.push((id, Owned::Plain(vec![u8::from(value)])));
        self
    }

    pub(super) fn number(mut self, id: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Sheet {
        self.0.push((id, Owned::Plain(value.to_ne_bytes().to_vec())));
        self
    }

    pub(super) fn bytes(mut self, id: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Sheet {
        self.0.push((id, Owned::Plain(value.to_vec())));
        self
    }

    pub(super) fn secret(mut self, id: CK_ATTRIBUTE_TYPE, value: &Secret) -> Result<Sheet> {
        self.0.push((id, Owned::Secret(value.duplicate()?)));
        Ok(self)
    }

    /// The values of a key.
    pub(super) fn values(self, parts: &Parts) -> Result<Sheet> {
        match parts {
            Parts::Secret(_, value) => self.secret(CKA_VALUE, value),
            Parts::RsaPublic(public) => Ok(self.rsa(public)),
            Parts::RsaPrivate(private) => self.rsa_private(private),
            Parts::EcPublic(EcPublic { params, point, .. }) => Ok(self
                .bytes(CKA_EC_PARAMS, params)
                .bytes(CKA_EC_POINT, &der::wrap(der::OCTET_STRING, point))),
            Parts::EcPrivate(EcPrivate { params, value, .. }) => {
                self.bytes(CKA_EC_PARAMS, params).secret(CKA_VALUE, value)
            }
            Parts::HssPublic(value) => Ok(self.bytes(CKA_VALUE, value)),
            Parts::FieldPublic(FieldPublic { domain, value }) => {
                Ok(self.domain(domain).bytes(CKA_VALUE, value))
            }
            Parts::FieldPrivate(FieldPrivate { domain, value }) => {
                self.domain(domain).secret(CKA_VALUE, value)
            }
            Parts::FieldDomain(domain) => Ok(self.domain(domain)),
            Parts::SetPublic(SetPublic { set, value }) => {
                Ok(self.number(CKA_PARAMETER_SET, set.id).bytes(CKA_VALUE, value))
            }
            Parts::SetPrivate(SetPrivate { set, seed, value }) => {
                let mut sheet = self.number(CKA_PARAMETER_SET, set.id);
                for (id, value) in [(CKA_SEED, seed), (CKA_VALUE, value)] {
                    if let Some(value) = value {
                        sheet = sheet.secret(id, value)?;
                    }
                }
                Ok(sheet)
            }
        }
    }

    fn domain(self, domain: &FieldDomain) -> Sheet {
        let sheet = self.bytes(CKA_PRIME, &domain.prime).bytes(CKA_BASE, &domain.base);
        match &domain.subprime {
            Some(subprime) => sheet.bytes(CKA_SUBPRIME, subprime),
            None => sheet,
        }
    }

    fn rsa(self, public: &RsaPublic) -> Sheet {
        self.bytes(CKA_MODULUS, &public.modulus).bytes(CKA_PUBLIC_EXPONENT, &public.exponent)
    }

    fn rsa_private(self, private: &RsaPrivate) -> Result<Sheet> {
        let mut sheet =
            self.rsa(&private.public).secret(CKA_PRIVATE_EXPONENT, &private.exponent)?;
        for (id, value) in CRT.iter().zip(private.crt.iter().flatten()) {
            sheet = sheet.secret(*id, value)?;
        }
        Ok(sheet)
    }

    /// The template, as the library's face takes it.
    pub(super) fn raw(&self) -> Vec<RawAttribute<'_>> {
        self.0
            .iter()
            .map(|(id, value)| RawAttribute {
                id: *id,
                value: RawValue::Bytes(match value {
                    Owned::Plain(bytes) => bytes,
                    Owned::Secret(secret) => secret.expose(),
                }),
            })
            .collect()
    }
}

const CRT: [CK_ATTRIBUTE_TYPE; 5] =
    [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
