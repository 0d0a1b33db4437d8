// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects that every token has without anybody having made them: the clock, the profiles, the
//! mechanisms (PKCS #11, section "Object Classification", "Other Objects"). They are read from the
//! tables and rest in no store; nobody changes, copies or destroys them.

use super::Object;
use super::value::{Attributes, Value};
use crate::codec;
use crate::mechanism::{self, Row};
use cryptoki_sys::*;
use std::time::SystemTime;

/// One of these objects.
#[derive(Clone, Copy)]
pub enum Builtin {
    /// The clock of the machine.
    Clock,
    /// A profile, by its number and its name.
    Profile(CK_PROFILE_ID, &'static str),
    /// A mechanism.
    Mechanism(&'static Row),
}

/// All of them, always in the same order.
pub fn builtins() -> impl Iterator<Item = Builtin> {
    let profiles = PROFILES.iter().map(|(id, name)| Builtin::Profile(*id, name));
    std::iter::once(Builtin::Clock).chain(profiles).chain(mechanism::all().map(Builtin::Mechanism))
}

/// Whether a search with these attributes can mean one of them. The class must be asked for, or
/// what nothing else has: clients that list a token expect what somebody put there.
pub fn asked_for(wanted: &Attributes) -> bool {
    let class = wanted.number(CKA_CLASS).and_then(|class| CK_OBJECT_CLASS::try_from(class).ok());
    match class {
        Some(class) => matches!(class, CKO_HW_FEATURE | CKO_PROFILE | CKO_MECHANISM),
        None => wanted.has(CKA_PROFILE_ID) || wanted.has(CKA_UNIQUE_ID),
    }
}

impl Builtin {
    /// The object, as it is at this moment.
    pub fn object(self) -> Object {
        let mut attributes = Attributes::default();
        let (class, name) = match self {
            Builtin::Clock => {
                let now = codec::utc_digits(SystemTime::now());
                attributes.set(CKA_HW_FEATURE_TYPE, Value::Number(CKH_CLOCK as u64));
                attributes.set(CKA_VALUE, Value::Bytes(now.into_bytes()));
                (CKO_HW_FEATURE, "CKH_CLOCK")
            }
            Builtin::Profile(id, name) => {
                attributes.set(CKA_PROFILE_ID, Value::Number(id as u64));
                (CKO_PROFILE, name)
            }
            Builtin::Mechanism(row) => {
                attributes.set(CKA_MECHANISM_TYPE, Value::Number(row.id as u64));
                (CKO_MECHANISM, row.name)
            }
        };
        attributes.set(CKA_CLASS, Value::Number(class as u64));
        attributes.set(CKA_UNIQUE_ID, Value::Bytes(name.as_bytes().to_vec()));
        attributes.set(CKA_LABEL, Value::Bytes(name.as_bytes().to_vec()));
        for (id, said) in [
            (CKA_TOKEN, true),
            (CKA_PRIVATE, false),
            (CKA_MODIFIABLE, false),
            (CKA_COPYABLE, false),
            (CKA_DESTROYABLE, false),
        ] {
            attributes.set(id, Value::Bool(said));
        }
        Object::new(attributes)
    }
}

macro_rules! profiles {
    ($($id:ident)*) => { &[$(($id, stringify!($id))),*] };
}

/// The profiles whose conditions this library meets (PKCS #11 Profiles, section "Base Profiles").
/// The complete provider is none of them: it has every mechanism of the standard.
static PROFILES: &[(CK_PROFILE_ID, &str)] = profiles! {
    CKP_BASELINE_PROVIDER
    CKP_EXTENDED_PROVIDER
    CKP_AUTHENTICATION_TOKEN
    CKP_PUBLIC_CERTIFICATES_TOKEN
    CKP_HKDF_TLS_TOKEN
};
