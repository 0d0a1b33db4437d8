// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The attribute table: one row an attribute, and nothing about an attribute anywhere else.
//!
//! The columns are the footnotes of PKCS #11, section 4 ("Common footnotes for object attribute
//! tables"): where an attribute must, may or must not be given, whether it is hidden, one-way,
//! the security officer's, or the token's own.

use super::shape::*;
use super::value::Value;
use crate::vendor::*;
use cryptoki_sys::*;
use std::sync::LazyLock;

/// How a value is written in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One byte, `CK_TRUE` or `CK_FALSE`.
    Bool,
    /// A `CK_ULONG`.
    Number,
    /// A `CK_ULONG` from 0 to this one.
    Choice(u64),
    /// Any bytes.
    Bytes,
    /// Big-endian integer: leading zeros say nothing.
    Integer,
    /// Empty, or eight digits: year, month, day.
    Date,
    /// UTF-8 without a terminating zero.
    Text,
    /// An array of `CK_MECHANISM_TYPE`.
    Mechanisms,
    /// A nested template.
    Template,
    /// Lines of "key=value", each searched by itself.
    Labels,
}

/// Whether a template may or must name an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It must.
    Must,
    /// It may.
    May,
    /// It must not: the token computes it.
    Never,
}

/// The value of an attribute that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// The object does not have the attribute.
    Absent,
    /// This boolean.
    Bool(bool),
    /// This number.
    Number(u64),
    /// The empty byte array.
    Empty,
    /// True for private and secret keys.
    Guarded,
    /// What keys of the type serve.
    Usage,
}

impl Unsaid {
    /// The value, where it is the same for all objects.
    pub fn value(self) -> Option<&'static Value> {
        static TRUE: Value = Value::Bool(true);
        static FALSE: Value = Value::Bool(false);
        static ZERO: Value = Value::Number(0);
        static EMPTY: Value = Value::Bytes(Vec::new());
        static ACTIVE: Value = Value::Number(STRONGROOM_STATE_ACTIVE as u64);
        match self {
            Unsaid::Bool(true) => Some(&TRUE),
            Unsaid::Bool(false) => Some(&FALSE),
            Unsaid::Number(0) => Some(&ZERO),
            Unsaid::Number(number) if number == STRONGROOM_STATE_ACTIVE as u64 => Some(&ACTIVE),
            Unsaid::Empty => Some(&EMPTY),
            _ => None,
        }
    }
}

/// One attribute.
pub struct Rule {
    /// `CKA_*`.
    pub id: CK_ATTRIBUTE_TYPE,
    /// Its name.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// The shapes of objects that have it.
    pub shapes: u32,
    /// In a template of `C_CreateObject`.
    pub create: Given,
    /// In a template of `C_GenerateKey` and `C_GenerateKeyPair`.
    pub generate: Given,
    /// In a template of `C_UnwrapKey` and `C_DeriveKey`.
    pub unwrap: Given,
    /// Where nobody gave it.
    pub unsaid: Unsaid,
    traits: u16,
}

/// Hidden when the key is sensitive or not extractable (footnote 7).
pub const HIDDEN: u16 = 1;
/// `C_SetAttributeValue` and `C_CopyObject` may change it (footnote 8).
pub const MODIFIABLE: u16 = 1 << 1;
/// Changes from false to true alone (footnote 11).
pub const ONLY_UP: u16 = 1 << 2;
/// Changes from true to false alone (footnote 12).
pub const ONLY_DOWN: u16 = 1 << 3;
/// Only the security officer sets it to true (footnote 10).
pub const SO_ONLY: u16 = 1 << 4;
/// `C_CopyObject` may change it, `C_SetAttributeValue` may not (section 4.1.3).
pub const ON_COPY: u16 = 1 << 5;
/// Searched by: the store keeps a keyed tag of it.
pub const SEARCHED: u16 = 1 << 6;
/// The token's alone: no template names it and nobody reads it.
pub const INTERNAL: u16 = 1 << 7;
/// `C_SetAttributeValue` changes it by the table of states, `C_CopyObject` does not.
pub const BY_STATES: u16 = 1 << 8;
/// A default of the attribute is not recorded, and has no tag.
pub const IMPLIED: u16 = 1 << 9;

impl Rule {
    /// Whether the attribute has this trait.
    pub fn has(&self, mark: u16) -> bool {
        self.traits & mark != 0
    }
}

/// The rule of an attribute that applies to objects of some shape; rows of one attribute differ by
/// shape.
pub fn rule_for(id: CK_ATTRIBUTE_TYPE, shape: Shape) -> Option<&'static Rule> {
    rows(id).iter().copied().find(|rule| shape.is(rule.shapes))
}

/// How the value of an attribute is written: the same in all its rows. None for an attribute that
/// no object has, or none for applications.
pub fn kind(id: CK_ATTRIBUTE_TYPE) -> Option<Kind> {
    rows(id).iter().find(|rule| !rule.has(INTERNAL)).map(|rule| rule.kind)
}

/// Whether an attribute has this trait in some shape.
pub fn has(id: CK_ATTRIBUTE_TYPE, mark: u16) -> bool {
    rows(id).iter().any(|rule| rule.has(mark))
}

/// The name of an attribute that the table knows.
pub fn name(id: CK_ATTRIBUTE_TYPE) -> Option<&'static str> {
    rows(id).first().map(|rule| rule.name)
}

/// The rows of one attribute, in the table's order. Every attribute of every object that is read is
/// looked up, so the table is not gone through for each.
fn rows(id: CK_ATTRIBUTE_TYPE) -> &'static [&'static Rule] {
    // The ids lie together: a search through them touches a handful of cache lines.
    static BY_ID: LazyLock<(Vec<CK_ATTRIBUTE_TYPE>, Vec<&'static Rule>)> = LazyLock::new(|| {
        let mut rules: Vec<_> = RULES.iter().collect();
        rules.sort_by_key(|rule| rule.id);
        (rules.iter().map(|rule| rule.id).collect(), rules)
    });
    let (ids, rules) = &*BY_ID;
    let first = ids.partition_point(|at| *at < id);
    let many = ids.iter().skip(first).take_while(|at| **at == id).count();
    rules.get(first..).and_then(|rest| rest.get(..many)).unwrap_or_default()
}

/// All the rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}

/// The attributes that objects of this shape can have.
pub fn rules(shape: Shape) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| shape.is(rule.shapes))
}

macro_rules! rules {
    ($($id:ident $kind:ident $(:$last:literal)? $shapes:expr, $create:ident $generate:ident $unwrap:ident, $default:expr, $traits:expr;)*) => {
        &[$(Rule {
            id: $id,
            name: stringify!($id),
            kind: Kind::$kind $(($last))?,
            shapes: $shapes,
            create: Given::$create,
            generate: Given::$generate,
            unwrap: Given::$unwrap,
            unsaid: $default,
            traits: $traits,
        },)*]
    };
}

use Unsaid::{Absent, Bool, Empty, Guarded, Number, Usage};

const NONE: u16 = 0;
const ACTIVE: Unsaid = Number(STRONGROOM_STATE_ACTIVE as u64);
const LOCKED: u32 = SECRET | PRIVATE;
const LIVED: u32 = KEY | TOMBSTONE;
const USAGE: u16 = MODIFIABLE;

#[rustfmt::skip]
static RULES: &[Rule] = rules! {
    // attribute                kind       shapes               create generate unwrap, default, traits
    CKA_CLASS                   Number     ANY,                 Must May May,       Absent, SEARCHED;
    CKA_UNIQUE_ID               Text       ANY,                 Never Never Never,  Absent, SEARCHED;
    // Storage objects, section 4.4
    CKA_TOKEN                   Bool       ANY,                 May May May,        Bool(false), ON_COPY;
    CKA_PRIVATE                 Bool       ANY,                 May May May,        Guarded, ON_COPY;
    CKA_MODIFIABLE              Bool       ANY,                 May May May,        Bool(true), ON_COPY;
    CKA_LABEL                   Text       ANY,                 May May May,        Empty, MODIFIABLE | SEARCHED;
    CKA_COPYABLE                Bool       ANY,                 May May May,        Bool(true), ON_COPY | ONLY_DOWN;
    CKA_DESTROYABLE             Bool       ANY,                 May May May,        Bool(true), ON_COPY;
    // Data objects, section 4.5
    CKA_APPLICATION             Text       DATA,                May May May,        Empty, MODIFIABLE | SEARCHED;
    CKA_OBJECT_ID               Bytes      DATA,                May May May,        Empty, NONE;
    CKA_VALUE                   Bytes      DATA,                May May May,        Empty, MODIFIABLE;
    // Certificates, section 4.6
    CKA_CERTIFICATE_TYPE        Number     ANY_CERT,            Must May May,       Absent, SEARCHED;
    CKA_CERTIFICATE_CATEGORY    Choice:3   ANY_CERT,            May May May,        Number(0), NONE;
    CKA_SUBJECT                 Bytes      KEY_CERT,            Must May May,       Absent, SEARCHED;
    CKA_VALUE                   Bytes      ANY_CERT,            Must May May,       Absent, NONE;
    CKA_ISSUER                  Bytes      KEY_CERT,            May May May,        Empty, MODIFIABLE | SEARCHED;
    CKA_SERIAL_NUMBER           Bytes      CERTIFICATE | ATTR_CERT, May May May,    Empty, MODIFIABLE | SEARCHED;
    CKA_URL                     Text       KEY_CERT,            May May May,        Empty, NONE;
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY Bytes   KEY_CERT,            May May May,        Empty, NONE;
    CKA_HASH_OF_ISSUER_PUBLIC_KEY Bytes    KEY_CERT,            May May May,        Empty, NONE;
    CKA_NAME_HASH_ALGORITHM     Number     KEY_CERT | TRUST,    May May May,        Number(CKM_SHA_1), NONE;
    CKA_JAVA_MIDP_SECURITY_DOMAIN Choice:3  CERTIFICATE,        May May May,        Number(0), NONE;
    CKA_OWNER                   Bytes      ATTR_CERT,           Must May May,       Absent, NONE;
    CKA_AC_ISSUER               Bytes      ATTR_CERT,           May May May,        Empty, MODIFIABLE;
    CKA_ATTR_TYPES              Bytes      ATTR_CERT,           May May May,        Empty, MODIFIABLE;
    CKA_TRUSTED                 Bool       ANY_CERT | PUBLIC | SECRET, May May May, Bool(false), MODIFIABLE | SO_ONLY;
    CKA_CHECK_VALUE             Bytes      SECRET,              May May May,        Absent, MODIFIABLE;
    CKA_CHECK_VALUE             Bytes      ANY_CERT,            May May May,        Absent, NONE;
    CKA_START_DATE              Date       ANY_CERT,            May May May,        Empty, NONE;
    CKA_END_DATE                Date       ANY_CERT,            May May May,        Empty, NONE;
    // Trust objects
    CKA_ISSUER                  Bytes      TRUST,               Must May May,       Absent, SEARCHED;
    CKA_SERIAL_NUMBER           Bytes      TRUST,               Must May May,       Absent, SEARCHED;
    CKA_HASH_OF_CERTIFICATE     Bytes      TRUST,               May May May,        Empty, NONE;
    CKA_TRUST_SERVER_AUTH       Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_CLIENT_AUTH       Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_CODE_SIGNING      Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_EMAIL_PROTECTION  Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_IPSEC_IKE         Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_TIME_STAMPING     Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    CKA_TRUST_OCSP_SIGNING      Choice:4   TRUST,               May May May,        Number(0), MODIFIABLE;
    // Keys, section 4.7
    CKA_KEY_TYPE                Number     LIVED | DOMAIN,      Must May Must,      Absent, SEARCHED;
    CKA_ID                      Bytes      LIVED | CERTIFICATE, May May May,        Empty, MODIFIABLE | SEARCHED;
    CKA_START_DATE              Date       KEY,                 May May May,        Empty, MODIFIABLE;
    CKA_END_DATE                Date       KEY,                 May May May,        Empty, MODIFIABLE;
    CKA_LOCAL                   Bool       KEY | DOMAIN,        Never Never Never,  Bool(false), NONE;
    CKA_KEY_GEN_MECHANISM       Number     KEY,                 Never Never Never,  Number(u64::MAX), NONE;
    CKA_ALLOWED_MECHANISMS      Mechanisms KEY,                 May May May,        Absent, NONE;
    // No validation, no flag.
    CKA_OBJECT_VALIDATION_FLAGS Choice:0   KEY,                 May Never Never,    Number(0), NONE;
    CKA_PUBLIC_KEY_INFO         Bytes      PUBLIC | ANY_CERT,   May May May,        Empty, NONE;
    CKA_PUBLIC_KEY_INFO         Bytes      PRIVATE,             May May May,        Empty, MODIFIABLE;
    CKA_PUBLIC_CRC64_VALUE      Bytes      PUBLIC | PRIVATE,    May Never May,      Absent, NONE;
    CKA_SUBJECT                 Bytes      PUBLIC | PRIVATE,    May May May,        Empty, MODIFIABLE | SEARCHED;
    // Life and metadata: docs/lifecycle.md
    CKA_STRONGROOM_STATE        Number     LIVED,               May May May,        ACTIVE, BY_STATES | IMPLIED;
    CKA_STRONGROOM_STATE_SINCE  Text       LIVED,               Never Never Never,  Empty, IMPLIED;
    CKA_STRONGROOM_STATE_BY     Text       LIVED,               Never Never Never,  Empty, IMPLIED;
    CKA_STRONGROOM_STATE_REASON Text       LIVED,               Never Never Never,  Empty, BY_STATES | IMPLIED;
    CKA_STRONGROOM_MADE         Text       LIVED,               Never Never Never,  Empty, IMPLIED;
    CKA_STRONGROOM_OWNER        Text       LIVED,               May May May,        Empty, MODIFIABLE | SEARCHED | IMPLIED;
    CKA_STRONGROOM_PURPOSE      Text       LIVED,               May May May,        Empty, MODIFIABLE | SEARCHED | IMPLIED;
    CKA_STRONGROOM_ROTATION_PERIOD Number  KEY,                 May May May,        Number(0), MODIFIABLE | IMPLIED;
    CKA_STRONGROOM_LABELS       Labels     KEY,                 May May May,        Empty, MODIFIABLE | SEARCHED | IMPLIED;
    // Usages
    CKA_ENCRYPT                 Bool       PUBLIC | SECRET,     May May May,        Usage, USAGE;
    CKA_DECRYPT                 Bool       PRIVATE | SECRET,    May May May,        Usage, USAGE;
    CKA_SIGN                    Bool       PRIVATE | SECRET,    May May May,        Usage, USAGE;
    CKA_VERIFY                  Bool       PUBLIC | SECRET,     May May May,        Usage, USAGE;
    CKA_SIGN_RECOVER            Bool       PRIVATE,             May May May,        Usage, USAGE;
    CKA_VERIFY_RECOVER          Bool       PUBLIC,              May May May,        Usage, USAGE;
    CKA_WRAP                    Bool       PUBLIC | SECRET,     May May May,        Usage, USAGE;
    CKA_UNWRAP                  Bool       PRIVATE | SECRET,    May May May,        Usage, USAGE;
    CKA_DERIVE                  Bool       KEY,                 May May May,        Usage, USAGE;
    CKA_ENCAPSULATE             Bool       PUBLIC,              May May May,        Usage, USAGE;
    CKA_DECAPSULATE             Bool       PRIVATE,             May May May,        Usage, USAGE;
    // What guards a key
    CKA_SENSITIVE               Bool       LOCKED,              May May May,        Guarded, MODIFIABLE | ONLY_UP;
    CKA_EXTRACTABLE             Bool       LOCKED,              May May May,        Bool(false), MODIFIABLE | ONLY_DOWN;
    CKA_ALWAYS_SENSITIVE        Bool       LOCKED,              Never Never Never,  Bool(false), NONE;
    CKA_NEVER_EXTRACTABLE       Bool       LOCKED,              Never Never Never,  Bool(false), NONE;
    CKA_WRAP_WITH_TRUSTED       Bool       LOCKED,              May May May,        Bool(false), MODIFIABLE | ONLY_UP;
    CKA_ALWAYS_AUTHENTICATE     Bool       PRIVATE,             May May May,        Bool(false), NONE;
    CKA_WRAP_TEMPLATE           Template   PUBLIC | SECRET,     May May May,        Absent, NONE;
    CKA_UNWRAP_TEMPLATE         Template   PRIVATE | SECRET,    May May May,        Absent, NONE;
    CKA_DERIVE_TEMPLATE         Template   PRIVATE | SECRET,    May May May,        Absent, NONE;
    CKA_ENCAPSULATE_TEMPLATE    Template   PUBLIC,              May May May,        Absent, NONE;
    CKA_DECAPSULATE_TEMPLATE    Template   PRIVATE,             May May May,        Absent, NONE;
    // Safeguards
    CKA_STRONGROOM_USED         Number     LOCKED,              Never Never Never,  Number(0), NONE;
    CKA_STRONGROOM_MATERIAL     Bytes      LOCKED,              Never Never Never,  Absent, INTERNAL;
    CKA_STRONGROOM_FINGERPRINT  Bytes      LOCKED,              Never Never Never,  Absent, INTERNAL | SEARCHED;
    CKA_STRONGROOM_TOKEN_NONCES Bool       SECRET,              May May May,        Bool(false), MODIFIABLE | ONLY_UP;
    // Key material
    CKA_MODULUS                 Integer    RSA_PUBLIC,          Must Never Never,   Absent, NONE;
    CKA_MODULUS_BITS            Number     RSA_PUBLIC,          Never Must Never,   Absent, NONE;
    CKA_PUBLIC_EXPONENT         Integer    RSA_PUBLIC,          Must May Never,     Absent, NONE;
    CKA_MODULUS                 Integer    RSA_PRIVATE,         Must Never Never,   Absent, NONE;
    CKA_PUBLIC_EXPONENT         Integer    RSA_PRIVATE,         Must Never Never,   Absent, NONE;
    CKA_PRIVATE_EXPONENT        Integer    RSA_PRIVATE,         Must Never Never,   Absent, HIDDEN;
    CKA_PRIME_1                 Integer    RSA_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_PRIME_2                 Integer    RSA_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_EXPONENT_1              Integer    RSA_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_EXPONENT_2              Integer    RSA_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_COEFFICIENT             Integer    RSA_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_EC_PARAMS               Bytes      EC_PUBLIC,           Must Must Never,    Absent, NONE;
    CKA_EC_POINT                Bytes      EC_PUBLIC,           Must Never Never,   Absent, NONE;
    CKA_EC_PARAMS               Bytes      EC_PRIVATE,          Must May Never,     Absent, NONE;
    CKA_VALUE                   Bytes      SECRET | EC_PRIVATE, Must Never Never,   Absent, HIDDEN;
    CKA_HSS_LEVELS              Number     HSS_PUBLIC,          Never Never Never,  Absent, NONE;
    CKA_HSS_LMS_TYPE            Number     HSS_PUBLIC,          Never Never Never,  Absent, NONE;
    CKA_HSS_LMOTS_TYPE          Number     HSS_PUBLIC,          Never Never Never,  Absent, NONE;
    CKA_VALUE                   Bytes      HSS_PUBLIC,          Must Never Never,   Absent, NONE;
    CKA_PARAMETER_SET           Number     SET_PUBLIC,          Must Must Never,    Absent, NONE;
    CKA_VALUE                   Bytes      SET_PUBLIC,          Must Never Never,   Absent, NONE;
    CKA_PARAMETER_SET           Number     SET_PRIVATE,         Must Never Never,   Absent, NONE;
    // One of the two must be given; the parameter set says whether there can be a seed.
    CKA_SEED                    Bytes      SET_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_VALUE                   Bytes      SET_PRIVATE,         May Never Never,    Absent, HIDDEN;
    CKA_PRIME                   Integer    FIELD_PUBLIC,        Must Must Never,    Absent, NONE;
    CKA_SUBPRIME                Integer    FIELD_PUBLIC,        May May Never,      Absent, NONE;
    CKA_BASE                    Integer    FIELD_PUBLIC,        Must Must Never,    Absent, NONE;
    CKA_VALUE                   Bytes      FIELD_PUBLIC,        Must Never Never,   Absent, NONE;
    CKA_PRIME                   Integer    FIELD_PRIVATE,       Must Never Never,   Absent, NONE;
    CKA_SUBPRIME                Integer    FIELD_PRIVATE,       May Never Never,    Absent, NONE;
    CKA_BASE                    Integer    FIELD_PRIVATE,       Must Never Never,   Absent, NONE;
    CKA_VALUE                   Bytes      FIELD_PRIVATE,       Must Never Never,   Absent, HIDDEN;
    CKA_VALUE_BITS              Number     FIELD_PRIVATE,       Never May Never,    Absent, NONE;
    // Section 4.1.1, point 6: what the function itself contributes may be said, if it is said right.
    CKA_VALUE_LEN               Number     SECRET,              May May May,        Absent, NONE;
    // Domain parameters, section 4.11
    CKA_PRIME                   Integer    DOMAIN,              Must Never Never,   Absent, NONE;
    CKA_SUBPRIME                Integer    DOMAIN,              May Never Never,    Absent, NONE;
    CKA_BASE                    Integer    DOMAIN,              Must Never Never,   Absent, NONE;
    CKA_PRIME_BITS              Number     DOMAIN,              Never Must Never,   Absent, NONE;
    CKA_SUBPRIME_BITS           Number     DOMAIN,              Never May Never,    Absent, NONE;
    // The token's own
    CKA_PROFILE_ID              Number     PROFILE,             Never Never Never,  Absent, NONE;
    CKA_MECHANISM_TYPE          Number     MECHANISM,           Never Never Never,  Absent, NONE;
    CKA_HW_FEATURE_TYPE         Number     CLOCK,               Never Never Never,  Absent, NONE;
    CKA_VALUE                   Bytes      CLOCK,               Never Never Never,  Absent, NONE;
    CKA_VALIDATION_TYPE         Number     VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_VERSION      Bytes      VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_LEVEL        Number     VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_MODULE_ID    Text       VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_FLAG         Number     VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_AUTHORITY_TYPE Number   VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_COUNTRY      Text       VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_CERTIFICATE_IDENTIFIER Text VALIDATION,      Never Never Never,  Absent, NONE;
    CKA_VALIDATION_CERTIFICATE_URI Text    VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_VENDOR_URI   Text       VALIDATION,          Never Never Never,  Absent, NONE;
    CKA_VALIDATION_PROFILE      Text       VALIDATION,          Never Never Never,  Absent, NONE;
};
